"""What would happen to these patients under each option."""
