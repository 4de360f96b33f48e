"""One module a page: values for a template, out of one snapshot."""
