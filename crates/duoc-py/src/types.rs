//! dtype, device, layout, memory format and generator objects.

use crate::error;
use crate::tensor::{self, PyTensor};
use duoc_core::random::{self, Generator};
use duoc_core::{DType, Device, LayoutKind, MemoryFormat};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyInt, PyString, PyType};

/// A tensor's element type. There is one object per type.
#[pyclass(name = "dtype", module = "duoc", frozen)]
pub struct PyDType(pub DType);

static DTYPES: PyOnceLock<Vec<Py<PyDType>>> = PyOnceLock::new();

/// The object of an element type.
pub fn dtype(py: Python<'_>, d: DType) -> PyResult<Py<PyAny>> {
    let all = DTYPES.get_or_try_init(py, || {
        DType::ALL
            .iter()
            .map(|d| Py::new(py, PyDType(*d)))
            .collect::<PyResult<Vec<_>>>()
    })?;
    let at = DType::ALL.iter().position(|x| *x == d).unwrap_or(0);
    Ok(all[at].clone_ref(py).into_any())
}

/// The element type that an object names: a dtype, or one of Python's number types.
pub fn dtype_of(obj: &Bound<'_, PyAny>) -> Option<DType> {
    if let Ok(d) = obj.cast::<PyDType>() {
        return Some(d.get().0);
    }
    let t = obj.cast::<PyType>().ok()?;
    let py = obj.py();
    let is = |other: Bound<'_, PyType>| t.is(&other);
    match () {
        () if is(py.get_type::<pyo3::types::PyFloat>()) => Some(DType::F64),
        () if is(py.get_type::<PyInt>()) => Some(DType::I64),
        () if is(py.get_type::<pyo3::types::PyBool>()) => Some(DType::Bool),
        () if is(py.get_type::<pyo3::types::PyComplex>()) => Some(DType::C128),
        () => None,
    }
}

#[pymethods]
impl PyDType {
    fn __repr__(&self) -> String {
        self.0.to_string()
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (&'static str,))> {
        let from = py.import("duoc._C")?.getattr("_dtype_of_name")?;
        Ok((from.unbind(), (self.0.name(),)))
    }
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
    #[getter]
    fn is_floating_point(&self) -> bool {
        self.0.is_float()
    }
    #[getter]
    fn is_complex(&self) -> bool {
        self.0.is_complex()
    }
    #[getter]
    fn is_signed(&self) -> bool {
        self.0.is_signed() || self.0.is_float() || self.0.is_complex()
    }
    #[getter]
    fn itemsize(&self) -> usize {
        self.0.size()
    }
    fn to_real(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let d = match self.0 {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            d => d,
        };
        dtype(py, d)
    }
    fn to_complex(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let d = match self.0 {
            DType::F64 | DType::C128 => DType::C128,
            _ => DType::C64,
        };
        dtype(py, d)
    }
}

/// The dtype of a name such as `float32`.
#[pyfunction]
pub fn _dtype_of_name(py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
    match DType::ALL.iter().find(|d| d.name() == name) {
        Some(d) => dtype(py, *d),
        None => Err(PyTypeError::new_err(format!("there is no dtype {name}"))),
    }
}

/// Where a tensor lives.
#[pyclass(name = "device", module = "duoc", frozen)]
pub struct PyDevice {
    kind: String,
    index: Option<u32>,
}

/// Device types that PyTorch knows by name. Only the first two can ever be there.
const KINDS: [&str; 20] = [
    "cpu",
    "cuda",
    "ipu",
    "xpu",
    "mkldnn",
    "opengl",
    "opencl",
    "ideep",
    "hip",
    "ve",
    "fpga",
    "maia",
    "xla",
    "lazy",
    "vulkan",
    "mps",
    "meta",
    "hpu",
    "mtia",
    "privateuseone",
];

impl PyDevice {
    fn parse(text: &str, index: Option<u32>) -> PyResult<PyDevice> {
        let (kind, given) = match text.split_once(':') {
            Some((k, i)) => (k, Some(i)),
            None => (text, None),
        };
        if !KINDS.contains(&kind) {
            let list = KINDS.join(", ");
            return Err(PyRuntimeError::new_err(format!(
                "Expected one of {list} device type at start of device string: {kind}"
            )));
        }
        let index = match given {
            None => index,
            Some(i) => match i.parse::<u32>() {
                Ok(n) if i == "0" || !i.starts_with('0') => Some(n),
                _ => return Err(PyRuntimeError::new_err(format!("Invalid device string: '{text}'"))),
            },
        };
        Ok(PyDevice {
            kind: kind.into(),
            index,
        })
    }

    fn device(&self) -> PyResult<Device> {
        match self.kind.as_str() {
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(self.index.unwrap_or(0))),
            k => Err(PyRuntimeError::new_err(format!(
                "duoc has no device of type {k}; use device(\"cpu\")"
            ))),
        }
    }
}

/// The object of a device.
pub fn device(py: Python<'_>, d: Device) -> PyResult<Py<PyAny>> {
    static CPU: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = |index| {
        Ok::<_, PyErr>(
            Py::new(
                py,
                PyDevice {
                    kind: d.kind().into(),
                    index,
                },
            )?
            .into_any(),
        )
    };
    match d {
        Device::Cpu => Ok(CPU.get_or_try_init(py, || make(None))?.clone_ref(py)),
        Device::Cuda(i) => make(Some(i)),
    }
}

/// The device that an object names: a device, a string, or an index.
pub fn device_of(obj: &Bound<'_, PyAny>) -> PyResult<Option<Device>> {
    if let Ok(d) = obj.cast::<PyDevice>() {
        return d.get().device().map(Some);
    }
    if let Ok(s) = obj.cast::<PyString>() {
        return PyDevice::parse(&s.to_cow()?, None)?.device().map(Some);
    }
    if obj.is_exact_instance_of::<PyInt>() {
        return Ok(Some(Device::Cuda(obj.extract()?)));
    }
    Ok(None)
}

#[pymethods]
impl PyDevice {
    #[new]
    #[pyo3(signature = (r#type, index=None))]
    fn new(r#type: &Bound<'_, PyAny>, index: Option<i64>) -> PyResult<PyDevice> {
        if let Ok(d) = r#type.cast::<PyDevice>() {
            let d = d.get();
            return Ok(PyDevice {
                kind: d.kind.clone(),
                index: d.index,
            });
        }
        if let Ok(s) = r#type.cast::<PyString>() {
            let s = s.to_cow()?;
            if index.is_some() && s.contains(':') {
                return Err(PyRuntimeError::new_err(format!(
                    "type (string) must not include an index because index was passed explicitly: {s}"
                )));
            }
            let index = match index {
                None => None,
                Some(i) => Some(
                    u32::try_from(i)
                        .map_err(|_| PyRuntimeError::new_err(format!("Device index must not be negative, got {i}")))?,
                ),
            };
            return PyDevice::parse(&s, index);
        }
        if r#type.is_exact_instance_of::<PyInt>() {
            return Ok(PyDevice {
                kind: "cuda".into(),
                index: Some(r#type.extract()?),
            });
        }
        Err(PyTypeError::new_err(format!(
            "device(): argument 'type' (position 1) must be str, not {}",
            r#type.get_type().name()?
        )))
    }
    #[getter]
    fn r#type(&self) -> &str {
        &self.kind
    }
    #[getter]
    fn index(&self) -> Option<u32> {
        self.index
    }
    fn __repr__(&self) -> String {
        match self.index {
            Some(i) => format!("device(type='{}', index={i})", self.kind),
            None => format!("device(type='{}')", self.kind),
        }
    }
    fn __str__(&self) -> String {
        match self.index {
            Some(i) => format!("{}:{i}", self.kind),
            None => self.kind.clone(),
        }
    }
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<PyDevice>()
            .is_ok_and(|o| o.get().kind == self.kind && o.get().index == self.index)
    }
    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut h = DefaultHasher::new();
        (&self.kind, self.index).hash(&mut h);
        h.finish()
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String,))> {
        Ok((py.get_type::<PyDevice>().into_any().unbind(), (self.__str__(),)))
    }
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, pyo3::types::PyTuple>) -> bool {
        false
    }
}

/// How a tensor is stored.
#[pyclass(name = "layout", module = "duoc", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct PyLayout(pub &'static str);

/// The layout that an object names.
pub fn layout_of(obj: &Bound<'_, PyAny>) -> PyResult<Option<LayoutKind>> {
    match obj.cast::<PyLayout>() {
        Err(_) => Ok(None),
        Ok(l) if l.get().0 == "strided" => Ok(Some(LayoutKind::Strided)),
        Ok(l) => Err(PyRuntimeError::new_err(format!(
            "duoc has strided tensors only, not torch.{}",
            l.get().0
        ))),
    }
}

#[pymethods]
impl PyLayout {
    fn __repr__(&self) -> String {
        format!("torch.{}", self.0)
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (&'static str,))> {
        Ok((py.import("duoc._C")?.getattr("_layout_of_name")?.unbind(), (self.0,)))
    }
}

/// The layout of a name.
#[pyfunction]
pub fn _layout_of_name(py: Python<'_>, name: &str) -> PyResult<Py<PyLayout>> {
    static ALL: PyOnceLock<Vec<Py<PyLayout>>> = PyOnceLock::new();
    const NAMES: [&str; 7] = [
        "strided",
        "sparse_coo",
        "sparse_csr",
        "sparse_csc",
        "sparse_bsr",
        "sparse_bsc",
        "jagged",
    ];
    let all = ALL.get_or_try_init(py, || {
        NAMES
            .iter()
            .map(|n| Py::new(py, PyLayout(n)))
            .collect::<PyResult<Vec<_>>>()
    })?;
    match NAMES.iter().position(|n| *n == name) {
        Some(i) => Ok(all[i].clone_ref(py)),
        None => Err(PyValueError::new_err(format!("there is no layout {name}"))),
    }
}

/// The order of elements in memory.
#[pyclass(name = "memory_format", module = "duoc", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct PyMemoryFormat(pub MemoryFormat);

#[pymethods]
impl PyMemoryFormat {
    fn __repr__(&self) -> String {
        self.0.to_string()
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String,))> {
        let name = self.0.to_string().replace("torch.", "");
        Ok((
            py.import("duoc._C")?.getattr("_memory_format_of_name")?.unbind(),
            (name,),
        ))
    }
}

/// The memory format of a name.
#[pyfunction]
pub fn _memory_format_of_name(py: Python<'_>, name: &str) -> PyResult<Py<PyMemoryFormat>> {
    use MemoryFormat::*;
    static ALL: PyOnceLock<Vec<Py<PyMemoryFormat>>> = PyOnceLock::new();
    let formats = [Contiguous, Preserve, ChannelsLast, ChannelsLast3d];
    let all = ALL.get_or_try_init(py, || {
        formats
            .iter()
            .map(|f| Py::new(py, PyMemoryFormat(*f)))
            .collect::<PyResult<Vec<_>>>()
    })?;
    match formats
        .iter()
        .position(|f| f.to_string().trim_start_matches("torch.") == name)
    {
        Some(i) => Ok(all[i].clone_ref(py)),
        None => Err(PyValueError::new_err(format!("there is no memory format {name}"))),
    }
}

/// A source of random numbers.
#[pyclass(name = "Generator", module = "duoc", frozen, subclass)]
pub struct PyGenerator(pub Generator);

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device=None))]
    fn new(device: Option<&Bound<'_, PyAny>>) -> PyResult<PyGenerator> {
        if let Some(d) = device
            && device_of(d)?.is_some_and(|d| d != Device::Cpu)
        {
            return Err(PyRuntimeError::new_err(
                "duoc was built without a CUDA backend; use a CPU generator",
            ));
        }
        Ok(PyGenerator(Generator::new()))
    }
    fn manual_seed(slf: Bound<'_, Self>, seed: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        slf.get().0.manual_seed(seed_of(seed)?);
        Ok(slf.unbind())
    }
    fn seed(&self) -> u64 {
        self.0.seed()
    }
    fn initial_seed(&self) -> u64 {
        self.0.initial_seed()
    }
    fn get_state(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        tensor::wrap(py, error::run(py, || self.0.try_state())?)
    }
    fn set_state(&self, py: Python<'_>, state: &Bound<'_, PyTensor>) -> PyResult<()> {
        let state = tensor::handle(state);
        error::run(py, || self.0.set_state(&state))
    }
    fn clone_state(&self) -> PyGenerator {
        PyGenerator(self.0.clone_state())
    }
    fn get_offset(&self) -> PyResult<u64> {
        Err(PyRuntimeError::new_err("CPU Generator does not use offset"))
    }
    #[pyo3(signature = (_offset))]
    fn set_offset(&self, _offset: u64) -> PyResult<()> {
        Err(PyRuntimeError::new_err("CPU Generator does not use offset"))
    }
    #[getter]
    fn device(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        device(py, Device::Cpu)
    }
    fn __reduce__(slf: Bound<'_, Self>) -> PyResult<(Py<PyAny>, (u64, Py<PyAny>))> {
        let py = slf.py();
        let make = py.import("duoc._C")?.getattr("_generator_of_state")?;
        Ok((make.unbind(), (slf.get().0.initial_seed(), slf.get().get_state(py)?)))
    }
}

/// A generator with the given state; for unpickling.
#[pyfunction]
pub fn _generator_of_state(py: Python<'_>, seed: u64, state: &Bound<'_, PyTensor>) -> PyResult<PyGenerator> {
    let g = PyGenerator(Generator::new());
    g.0.manual_seed(seed);
    g.set_state(py, state)?;
    Ok(g)
}

/// A seed: any integer that fits 64 bits, negative ones wrapped; NumPy's integers are integers too, `bool` is not.
pub fn seed_of(seed: &Bound<'_, PyAny>) -> PyResult<u64> {
    if seed.is_instance_of::<PyBool>() || !seed.hasattr("__index__")? {
        let kind = seed.get_type().name()?;
        return Err(PyRuntimeError::new_err(format!(
            "manual_seed expected a long, but got {kind}"
        )));
    }
    let seed = seed.call_method0("__index__")?;
    if let Ok(s) = seed.extract::<u64>() {
        return Ok(s);
    }
    match seed.extract::<i64>() {
        Ok(s) => Ok(s as u64),
        Err(_) => Err(PyValueError::new_err("Overflow when unpacking long long")),
    }
}

/// The default generator.
#[pyfunction]
pub fn _default_generator() -> PyGenerator {
    PyGenerator(random::default_generator().clone())
}
