"""What a space holds, told before any training: its size, its costs, where a search begins."""
