"""The outermost layer: command line, HTTP interface and pages."""
