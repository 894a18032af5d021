//! The devices that a network can run on: which were compiled in, which are there, and whether they
//! compute right.

use burn::tensor::{Device, Distribution, Tensor};
use rrlab_types::Window;

use crate::kernels;
use crate::transfer::download;

/// Largest difference between a GPU and the CPU that the self-test lets pass, relative to the
/// largest value: far more than what another order of f32 additions makes of sums this short, and
/// far less than what a broken kernel gives.
const SELF_TEST_TOLERANCE: f32 = 1e-3;

/// A kind of device that a person may ask for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr
)]
#[strum(serialize_all = "snake_case", parse_err_ty = DeviceError, parse_err_fn = unknown_device)]
pub enum DeviceChoice {
    /// A GPU where one was compiled in, is there, and works, else the CPU.
    Auto,
    /// The CPU, by the kernels of this program.
    Cpu,
    /// A GPU by whatever graphics API the platform has.
    Wgpu,
    /// A GPU by Vulkan.
    Vulkan,
    /// An NVIDIA GPU by CUDA.
    Cuda,
}

/// A device ready for use.
#[derive(Debug, Clone)]
pub struct OpenDevice {
    /// Where tensors are made; it was opened and, if a GPU, tested.
    pub device: Device,
    /// Its name in results.
    pub name: String,
    /// Why a GPU was passed over, where one was tried.
    pub note: Option<String>,
}

impl OpenDevice {
    /// Whether it is the processor, by this program's kernels.
    pub fn is_cpu(&self) -> bool {
        kernels::is_cpu(&self.device)
    }
}

/// Why a device can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum DeviceError {
    /// Not a name of a device.
    #[error("no device is named `{name}`; there are auto, cpu, wgpu, vulkan, cuda")]
    Unknown { name: String },
    /// A kind that this program was built without.
    #[error("this program was built without {name}; it has {}. Build it with `--features {name}`", available.join(", "))]
    NotCompiled {
        name: &'static str,
        /// Devices that it has.
        available: Vec<&'static str>,
    },
    /// Compiled in, but none is there or it does not start.
    #[error("{name}: no such device was found, or it did not start: {problem}")]
    NotFound { name: &'static str, problem: String },
    /// A program that stands for a GPU.
    #[error(
        "{name}: the adapter {adapter} is software, slower than this program's own kernels on the CPU"
    )]
    Software {
        name: &'static str,
        /// What the adapter calls itself.
        adapter: String,
    },
    /// It computes wrong numbers.
    #[error(
        "{name}: the device fails the self-test ({problem}); its driver can't be trusted. Use --device cpu"
    )]
    SelfTest {
        name: &'static str,
        /// What it got wrong.
        problem: String,
    },
}

fn unknown_device(name: &str) -> DeviceError {
    DeviceError::Unknown { name: name.into() }
}

/// A device as it starts.
struct Started {
    device: Device,
    /// None for a device that is no graphics adapter.
    adapter: Option<Adapter>,
}

struct Adapter {
    name: String,
    is_software: bool,
}

/// Starts a device that was compiled in.
type Start = fn() -> Result<Started, String>;

#[cfg(all(any(feature = "wgpu", feature = "vulkan"), not(target_family = "wasm")))]
fn start_wgpu(api: burn::tensor::wgpu::WgpuBackend) -> Result<Started, String> {
    use burn::tensor::wgpu::wgpu::DeviceType;

    let opened = Device::wgpu_options().graphics_api(api).init_with_setup();
    let (device, setup) = opened.map_err(|error| error.to_string())?;
    let info = setup.adapter.get_info();
    Ok(Started {
        device,
        adapter: Some(Adapter {
            name: info.name,
            is_software: info.device_type == DeviceType::Cpu,
        }),
    })
}

impl DeviceChoice {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Devices that were compiled in, the preferred first.
    pub fn compiled() -> Vec<Self> {
        let all = [Self::Cuda, Self::Vulkan, Self::Wgpu, Self::Cpu];
        all.into_iter().filter(|choice| choice.construct().is_some()).collect()
    }

    /// How the device starts, if it was compiled in.
    fn construct(self) -> Option<Start> {
        match self {
            Self::Cpu => Some(|| Ok(Started { device: Device::flex(), adapter: None })),
            #[cfg(all(feature = "wgpu", not(target_family = "wasm")))]
            Self::Wgpu => Some(|| start_wgpu(burn::tensor::wgpu::WgpuBackend::Auto)),
            #[cfg(all(feature = "vulkan", not(target_family = "wasm")))]
            Self::Vulkan => Some(|| start_wgpu(burn::tensor::wgpu::WgpuBackend::Vulkan)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(|| Ok(Started { device: Device::cuda(0usize), adapter: None })),
            _ => None,
        }
    }

    /// Opens the device, once in a program's life; a GPU must pass the self-test first. `auto`
    /// passes software adapters over, falls back to the CPU, and says why.
    ///
    /// # Errors
    /// If what was asked for by name is not compiled in, not there, or computes wrong numbers.
    pub async fn open(self) -> Result<OpenDevice, DeviceError> {
        if self != Self::Auto {
            return self.open_named(true).await;
        }
        let mut notes = Vec::new();
        for choice in Self::compiled() {
            match choice.open_named(false).await {
                Ok(device) => {
                    return Ok(OpenDevice {
                        note: (!notes.is_empty()).then(|| notes.join("; ")),
                        ..device
                    });
                }
                Err(error) => notes.push(error.to_string()),
            }
        }
        Self::Cpu.open_named(false).await
    }

    async fn open_named(self, software_is_welcome: bool) -> Result<OpenDevice, DeviceError> {
        let name = self.name();
        let start = self.construct().ok_or_else(|| DeviceError::NotCompiled {
            name,
            available: Self::compiled().into_iter().map(Self::name).collect(),
        })?;
        // GPU libraries panic where a driver is broken.
        let Started { device, adapter } = std::panic::catch_unwind(start)
            .unwrap_or_else(|panic| Err(panic_message(&*panic)))
            .map_err(|problem| DeviceError::NotFound { name, problem })?;
        if self == Self::Cpu {
            return Ok(OpenDevice { device, name: name.into(), note: None });
        }
        if let Some(software) =
            adapter.as_ref().filter(|adapter| adapter.is_software && !software_is_welcome)
        {
            return Err(DeviceError::Software { name, adapter: software.name.clone() });
        }
        self_test(&device).await.map_err(|problem| DeviceError::SelfTest { name, problem })?;
        Ok(OpenDevice {
            device,
            name: full_name(name, adapter.map(|adapter| adapter.name)),
            note: None,
        })
    }
}

/// A device's name with its adapter's.
fn full_name(name: &str, adapter: Option<String>) -> String {
    adapter
        .filter(|adapter| !adapter.is_empty())
        .map_or_else(|| name.into(), |adapter| format!("{name} ({adapter})"))
}

/// Opens the browser's GPU, which can only be waited for. `lost` is told when it goes away later,
/// and why.
///
/// # Errors
/// If there is none, it does not start, or computes wrong numbers.
#[cfg(feature = "webgpu")]
pub async fn open_webgpu(lost: impl Fn(&str) + Send + 'static) -> Result<OpenDevice, DeviceError> {
    let name = "webgpu";
    let not_found = |problem| DeviceError::NotFound { name, problem };
    let opened = Device::wgpu_options().init_with_setup_async().await;
    let (device, setup) = opened.map_err(|error| not_found(error.to_string()))?;
    setup
        .device
        .set_device_lost_callback(move |reason, message| lost(&format!("{reason:?}, {message}")));
    self_test(&device).await.map_err(|problem| DeviceError::SelfTest { name, problem })?;
    Ok(OpenDevice {
        device,
        name: full_name(name, Some(setup.adapter.get_info().name)),
        note: None,
    })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it gave no reason").lines().next().unwrap_or_default().to_owned()
}

/// A small convolution and batch norm, forward and backward, against the CPU.
async fn self_test(device: &Device) -> Result<(), String> {
    let cpu = Device::flex().autodiff();
    // Odd sides at stride 2: padding, borders and positions left out all count.
    let sizes = [[4, 3, 9, 9], [8, 3, 3, 3]];
    let [input, weight] =
        sizes.map(|shape| Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &cpu));
    let mut results = Vec::new();
    for device in [&cpu, &device.clone().autodiff()] {
        let (input, weight) = (on(&input, device).await?, on(&weight, device).await?);
        let [gamma, beta] =
            [1.5, 0.5].map(|value| Tensor::<1>::full([8], value, device).require_grad());
        let window = Window::square(3, 2, 1);
        let output = kernels::conv2d(input.clone(), weight.clone(), window);
        let output = kernels::batch_norm(output, gamma, beta, 1e-5, false).output;
        // A cube: of a mere sum, and of a sum of squares, batch norm leaves hardly any gradient.
        let mut gradients = (output.clone() * output.clone() * output.clone()).sum().backward();
        let gradient = weight.grad_remove(&mut gradients).ok_or("it gave no gradient")?;
        let failed = |error| format!("it failed: {error:?}");
        let mut values = download(output.inner()).await.map_err(failed)?;
        values.extend(download(gradient).await.map_err(failed)?);
        results.push(values);
    }
    let (mut largest, mut worst) = (1.0f32, 0.0f32);
    for (on_cpu, on_device) in results[0].iter().zip(&results[1]) {
        let difference = (on_cpu - on_device).abs();
        largest = largest.max(on_cpu.abs());
        // `max` would pass over a NaN.
        worst = if difference.is_nan() { f32::INFINITY } else { worst.max(difference) };
    }
    if worst <= SELF_TEST_TOLERANCE * largest {
        Ok(())
    } else {
        Err(format!("results differ from the CPU's by {worst}"))
    }
}

/// The same tensor on another device, where gradients are computed for it.
async fn on(tensor: &Tensor<4>, device: &Device) -> Result<Tensor<4>, String> {
    let data =
        tensor.clone().inner().into_data_async().await.map_err(|error| format!("{error:?}"))?;
    Ok(Tensor::from_data(data, device).require_grad())
}
