//! Devices, memory formats and layouts: the words that say where and how a tensor lies.

use std::fmt;

/// Where a tensor's storage lives. `Display` gives `cpu` or `cuda:0`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// Host memory.
    #[default]
    Cpu,
    /// The memory of a CUDA device. Only a CUDA backend can make tensors there.
    Cuda(u32),
}

impl Device {
    /// `cpu` or `cuda`.
    pub fn kind(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(i) => write!(f, "cuda:{i}"),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Device {
    type Err = crate::Error;

    fn from_str(s: &str) -> crate::Result<Device> {
        let (kind, index) = match s.split_once(':') {
            Some((k, i)) => (k, Some(i)),
            None => (s, None),
        };
        let index = match index {
            None => 0,
            Some(i) => match i.parse::<u32>() {
                Ok(n) if i == "0" || !i.starts_with('0') => n,
                _ => crate::bail!(Runtime, "Invalid device string: '{s}'"),
            },
        };
        match kind {
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(index)),
            _ => crate::bail!(
                Runtime,
                "Expected one of cpu, cuda device type at start of device string: {kind}"
            ),
        }
    }
}

/// How the elements of a new tensor are ordered in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MemoryFormat {
    /// Row-major.
    Contiguous,
    /// As the input: its strides when it is dense, else row-major.
    Preserve,
    /// NHWC order for 4-d tensors.
    ChannelsLast,
    /// NDHWC order for 5-d tensors.
    ChannelsLast3d,
}

impl fmt::Display for MemoryFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MemoryFormat::Contiguous => "torch.contiguous_format",
            MemoryFormat::Preserve => "torch.preserve_format",
            MemoryFormat::ChannelsLast => "torch.channels_last",
            MemoryFormat::ChannelsLast3d => "torch.channels_last_3d",
        })
    }
}

/// The kind of tensor: duoc has dense strided tensors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LayoutKind {
    /// Strided dense memory.
    #[default]
    Strided,
}

impl fmt::Display for LayoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("torch.strided")
    }
}
