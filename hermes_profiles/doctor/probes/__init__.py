"""What the doctor looks at, read once, each look under a time limit."""
