"""The steps of `hilctl calibrate`."""
