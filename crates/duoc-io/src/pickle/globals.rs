//! The names that a checkpoint may use. Nothing is called by them: each stands for data that the machine knows how to read.

use duoc_core::DType;

/// What a name in a pickle stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Global {
    /// A dictionary that keeps its order.
    OrderedDict,
    /// A dictionary of counts.
    Counter,
    /// A set, from a list.
    Set,
    /// A frozen set, from a list.
    FrozenSet,
    /// Bytes that were written as a text, as Python 3 does for Python 2.
    Encode,
    /// Changeable bytes.
    ByteArray,
    /// A complex number from two.
    Complex,
    /// A tensor's shape.
    Size,
    /// A device from its name.
    Device,
    /// A dtype.
    DType(DType),
    /// The class of a storage: what its elements are. `None` for plain bytes.
    Storage(Option<DType>),
    /// A tensor from storage, offset, size and strides.
    Rebuild(Rebuild),
    /// The class of tensors, or of parameters.
    TensorClass,
    /// A list that TorchScript gave a type: itself.
    TypedList,
    /// A value with the name of its type: itself.
    TypeTag,
}

/// PyTorch's functions that rebuild tensors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rebuild {
    V1,
    V2,
    V3,
    Parameter,
    ParameterWithState,
    FromType,
}

/// The allow-list.
pub(crate) fn find(module: &str, name: &str) -> Option<Global> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("collections", "Counter") => Global::Counter,
        ("builtins" | "__builtin__", "set") => Global::Set,
        ("builtins" | "__builtin__", "frozenset") => Global::FrozenSet,
        ("builtins" | "__builtin__", "bytearray") => Global::ByteArray,
        ("builtins" | "__builtin__", "complex") => Global::Complex,
        ("_codecs", "encode") => Global::Encode,
        ("torch", "Size") => Global::Size,
        ("torch", "device") => Global::Device,
        ("torch", "Tensor") | ("torch.nn.parameter", "Parameter") => Global::TensorClass,
        ("torch._utils", function) => Global::Rebuild(match function {
            "_rebuild_tensor" => Rebuild::V1,
            "_rebuild_tensor_v2" => Rebuild::V2,
            "_rebuild_tensor_v3" => Rebuild::V3,
            "_rebuild_parameter" => Rebuild::Parameter,
            "_rebuild_parameter_with_state" => Rebuild::ParameterWithState,
            _ => return None,
        }),
        ("torch._tensor", "_rebuild_from_type_v2") => Global::Rebuild(Rebuild::FromType),
        ("torch.jit._pickle", "build_intlist" | "build_doublelist" | "build_boollist" | "build_tensorlist") => {
            Global::TypedList
        }
        ("torch.jit._pickle", "restore_type_tag") => Global::TypeTag,
        ("torch.storage", "UntypedStorage") => Global::Storage(None),
        ("torch" | "torch.cuda" | "torch.storage", class) if class.ends_with("Storage") => {
            let elements = class.strip_suffix("Storage").unwrap_or_default();
            let found = STORAGES.iter().find(|(name, _)| *name == elements);
            Global::Storage(Some(found?.1))
        }
        ("torch", dtype) => Global::DType(DType::ALL.into_iter().find(|d| d.name() == dtype)?),
        _ => return None,
    })
}

/// PyTorch's names of storages, without `Storage`.
const STORAGES: [(&str, DType); 12] = [
    ("Float", DType::F32),
    ("Double", DType::F64),
    ("Half", DType::F16),
    ("BFloat16", DType::BF16),
    ("Long", DType::I64),
    ("Int", DType::I32),
    ("Short", DType::I16),
    ("Char", DType::I8),
    ("Byte", DType::U8),
    ("Bool", DType::Bool),
    ("ComplexFloat", DType::C64),
    ("ComplexDouble", DType::C128),
];

/// The class of storages of a dtype; the younger dtypes have none.
pub(crate) fn storage_class(dtype: DType) -> Option<&'static str> {
    STORAGES.iter().find(|(_, d)| *d == dtype).map(|(name, _)| *name)
}

/// Classes of TorchScript's modules: no Python class has such a name, and their objects are states and nothing else.
pub(crate) fn is_torchscript(module: &str) -> bool {
    module == "__torch__" || module.starts_with("__torch__.")
}
