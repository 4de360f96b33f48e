"""The read side: values that the API and the dashboard show, from one snapshot of the store."""
