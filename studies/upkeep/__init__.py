"""What is done to whole databases: checked, upgraded, taken over, listed and emptied."""
