"""Run folders, tables, figures by name."""
