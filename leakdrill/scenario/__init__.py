"""From YAML to a checked scenario: its schema, how it is read and overridden, and what it grants to whom."""
