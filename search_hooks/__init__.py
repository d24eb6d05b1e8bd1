"""The search side: take the arrays of the best fit from a running search and ship them to a worker."""
