"""`torch.special`: the registry's functions whose names begin with `special_`."""
