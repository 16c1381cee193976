"""What a network sees and what it gives: pixels of an image; a class, labels or numbers."""
