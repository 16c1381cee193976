"""The trainable modules that blocks build: torch and timm only.

Every class keeps each constructor argument under the argument's own name, as torch's own layers do.
Exporting a network as a Python file rests on it: the constructor call is read back from the module,
and the class is copied from its source.
"""
