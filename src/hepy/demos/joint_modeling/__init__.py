"""Two companies train one model on columns that neither shows the other."""
