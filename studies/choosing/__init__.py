"""Which network is the best: what is believed of each, finalists, and the one chosen."""
