"""Neural architecture search for image classification under a cost budget."""
