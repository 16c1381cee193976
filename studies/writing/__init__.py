"""How text, JSON, tables, figures and whole files are written."""
