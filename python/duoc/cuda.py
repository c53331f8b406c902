"""`torch.cuda` on a machine without a CUDA backend: answers, not failures."""


def is_available():
    """Whether a CUDA device can be used."""
    return False


def device_count():
    """The number of CUDA devices."""
    return 0


def is_initialized():
    """Whether CUDA was used."""
    return False


def is_bf16_supported(including_emulation=True):
    """Whether a CUDA device computes in bfloat16."""
    return False


def _index(device=None):
    if device is None:
        return 0
    return device if isinstance(device, int) else (getattr(device, "index", None) or 0)


def _none(*args, **kwargs):
    raise AssertionError("duoc was built without a CUDA backend")


current_device = get_device_name = get_device_properties = get_device_capability = set_device = _none


def manual_seed(seed):
    """Seeds the CUDA generators: there are none."""


manual_seed_all = manual_seed


def empty_cache():
    """Gives cached CUDA memory back: there is none."""


def synchronize(device=None):
    """Waits for CUDA work: there is none."""


def memory_allocated(device=None):
    """Bytes in use on a CUDA device."""
    return 0


max_memory_allocated = memory_reserved = memory_allocated
