"""What attacks on people share: the face APIs, measures of a person's photos, and who is told of whom."""
