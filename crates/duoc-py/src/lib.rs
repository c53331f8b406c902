//! The Python face of duoc: `duoc._C`.
//!
//! Functions and methods come from the op registry ([`install`]), their arguments are bound by one parser
//! ([`overload`], [`convert`]), and no op is named here. The package in `python/duoc` arranges them in modules.
//!
//! * [`tensor`]: the tensor object and its attributes. * [`types`]: dtype, device, generator and their kin.
//! * [`data`]: tensors from Python data and foreign memory. * [`read`]: elements as Python objects.
//! * [`index`]: `x[...]`. * [`autograd`]: backward, hooks, functions in Python. * [`error`]: exceptions.

mod autograd;
mod convert;
mod data;
mod error;
mod index;
mod install;
mod optim;
mod overload;
mod read;
mod results;
mod settings;
mod tensor;
mod types;

use pyo3::prelude::*;

#[pymodule(name = "_C")]
fn extension(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    duoc_core::warning::set_warning_hook(error::warn);
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<tensor::PyTensor>()?;
    m.add_class::<types::PyDType>()?;
    m.add_class::<types::PyDevice>()?;
    m.add_class::<types::PyLayout>()?;
    m.add_class::<types::PyMemoryFormat>()?;
    m.add_class::<types::PyGenerator>()?;
    m.add_class::<autograd::PyNode>()?;
    m.add_class::<autograd::PyHookHandle>()?;
    m.add("OutOfMemoryError", py.get_type::<error::OutOfMemoryError>())?;
    m.add("LinAlgError", py.get_type::<error::LinAlgError>())?;
    macro_rules! functions {
        ($($path:path),+ $(,)?) => { $(m.add_function(wrap_pyfunction!($path, m)?)?;)+ };
    }
    functions![
        types::_dtype_of_name,
        types::_layout_of_name,
        types::_memory_format_of_name,
        types::_generator_of_state,
        types::_default_generator,
        tensor::_is_alias,
        tensor::_resize,
        tensor::_reseat,
        tensor::_storage_id,
        install::_registry,
        install::_operator,
        install::_schemas,
        optim::_optimizer_step,
        data::_tensor,
        data::_from_array,
        data::_from_buffer,
        autograd::_backward,
        autograd::_grad,
        autograd::is_grad_enabled,
        autograd::_set_grad_enabled,
        autograd::is_inference_mode_enabled,
        autograd::is_anomaly_enabled,
        autograd::_inference_guard,
        autograd::_anomaly_guard,
        autograd::_saved_tensors_hooks,
        autograd::_apply_function,
        settings::_set_up,
        settings::get_default_dtype,
        settings::set_default_dtype,
        settings::promote_types,
        settings::can_cast,
        settings::_result_type,
        settings::_text,
        settings::_set_printoptions,
        settings::_dtypes,
        settings::_get_num_threads,
        settings::_set_num_threads,
    ];
    Ok(())
}
