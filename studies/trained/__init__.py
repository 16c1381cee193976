"""What trainings leave: weights, states, and what is measured of the trained network."""
