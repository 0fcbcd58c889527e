"""The parties of a drill, one package each. They share the library and nothing else."""
