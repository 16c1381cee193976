"""The trainable modules that blocks build: torch and timm only.

Every class stores each constructor argument in an attribute of the same name, as torch's own layers
do. The export to a Python file depends on it: the constructor call is read back from the
attributes, and the class is copied from its source.
"""
