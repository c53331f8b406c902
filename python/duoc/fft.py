"""`torch.fft`: the registry's functions whose names begin with `fft_`."""
