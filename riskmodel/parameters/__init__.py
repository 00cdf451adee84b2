"""What sources report: files in, checked values with their places out."""
