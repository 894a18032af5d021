//! The devices that a network can run on: which were compiled in, which are there, and whether they compute right.

use burn::tensor::{Device, Distribution, Tensor};

use crate::kernels::{self, Window};
use crate::network::download;

/// Largest difference between a GPU and the CPU that the self-test lets pass, relative to the largest value.
const SELF_TEST_TOLERANCE: f32 = 1e-3;

/// A kind of device that a person may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU where one was compiled in and works, else the CPU.
    Auto,
    /// The CPU.
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
    /// The device.
    pub device: Device,
    /// Its name in results.
    pub name: String,
    /// Why a GPU was passed over, where one was tried.
    pub note: Option<String>,
}

/// Why a device can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not a name of a device.
    #[error("no device is named `{name}`; there are auto, cpu, wgpu, vulkan, cuda")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Not compiled in.
    #[error("this program was built without {name}; it has {}. Build it with `--features {name}`", available.join(", "))]
    NotCompiled {
        /// The device.
        name: &'static str,
        /// Devices that it has.
        available: Vec<&'static str>,
    },
    /// Compiled in, but none is there or it does not start.
    #[error("{name}: no such device was found, or it did not start: {problem}")]
    NotFound {
        /// The device.
        name: &'static str,
        /// What it said.
        problem: String,
    },
    /// It computes wrong numbers.
    #[error("{name}: the device fails the self-test ({problem}); its driver can't be trusted. Use --device cpu")]
    SelfTest {
        /// The device.
        name: &'static str,
        /// What it got wrong.
        problem: String,
    },
}

impl std::str::FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Auto, Self::Cpu, Self::Wgpu, Self::Vulkan, Self::Cuda];
        let found = known.into_iter().find(|choice| choice.name() == text);
        found.ok_or_else(|| DeviceError::Unknown { name: text.into() })
    }
}

impl DeviceChoice {
    /// The word used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// Devices that were compiled in, the preferred first.
    pub fn compiled() -> Vec<Self> {
        let all = [Self::Cuda, Self::Vulkan, Self::Wgpu, Self::Cpu];
        all.into_iter().filter(|choice| choice.construct().is_some()).collect()
    }

    /// Makes the device, if it was compiled in. Nothing is started yet.
    fn construct(self) -> Option<Box<dyn FnOnce() -> Device + Send>> {
        match self {
            Self::Cpu => Some(Box::new(Device::flex)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(Box::new(|| Device::wgpu(burn::tensor::DeviceKind::DefaultDevice))),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(Box::new(|| Device::vulkan(burn::tensor::DeviceKind::DefaultDevice))),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(Box::new(|| Device::cuda(0usize))),
            _ => None,
        }
    }

    /// Opens the device; a GPU must pass the self-test first. `auto` falls back to the CPU and says why.
    ///
    /// # Errors
    /// If what was asked for by name is not compiled in, not there, or computes wrong numbers.
    pub async fn open(self) -> Result<OpenDevice, DeviceError> {
        if self != Self::Auto {
            return self.open_named().await;
        }
        let mut notes = Vec::new();
        for choice in Self::compiled() {
            match choice.open_named().await {
                Ok(device) => return Ok(OpenDevice { note: (!notes.is_empty()).then(|| notes.join("; ")), ..device }),
                Err(error) => notes.push(error.to_string()),
            }
        }
        Self::Cpu.open_named().await
    }

    async fn open_named(self) -> Result<OpenDevice, DeviceError> {
        let name = self.name();
        let construct = self.construct().ok_or_else(|| DeviceError::NotCompiled {
            name,
            available: Self::compiled().into_iter().map(Self::name).collect(),
        })?;
        if self == Self::Cpu {
            return Ok(OpenDevice { device: construct(), name: name.into(), note: None });
        }
        // GPU libraries panic where there is no adapter.
        let device = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let device = construct();
            device.sync().map(|()| device)
        }));
        let device = match device {
            Ok(Ok(device)) => device,
            Ok(Err(error)) => return Err(DeviceError::NotFound { name, problem: format!("{error:?}") }),
            Err(panic) => return Err(DeviceError::NotFound { name, problem: panic_message(&*panic) }),
        };
        self_test(&device).await.map_err(|problem| DeviceError::SelfTest { name, problem })?;
        Ok(OpenDevice { device, name: name.into(), note: None })
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it gave no reason").lines().next().unwrap_or_default().to_owned()
}

/// A small convolution and batch norm, forward and backward, against the CPU.
async fn self_test(device: &Device) -> Result<(), String> {
    let cpu = Device::flex().autodiff();
    let sizes = [[4, 3, 9, 9], [8, 3, 3, 3]];
    let [input, weight] = sizes.map(|shape| Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &cpu));
    let mut results = Vec::new();
    for device in [&cpu, &device.clone().autodiff()] {
        let (input, weight) = (on(&input, device).await?, on(&weight, device).await?);
        let [gamma, beta] = [1.5, 0.5].map(|value| Tensor::<1>::full([8], value, device).require_grad());
        let window = Window { kernel: 3, stride: 2, padding: 1 };
        let output = kernels::conv2d(input.clone(), weight.clone(), window);
        let output = kernels::batch_norm(output, gamma, beta, 1e-5).output;
        let mut gradients = (output.clone() * output.clone() * output.clone()).sum().backward();
        let gradient = weight.grad_remove(&mut gradients).ok_or("it gave no gradient")?;
        let failed = |error| format!("it failed: {error:?}");
        let mut values = download(output.inner()).await.map_err(failed)?;
        values.extend(download(gradient).await.map_err(failed)?);
        results.push(values);
    }
    let largest = results[0].iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    let pairs = results[0].iter().zip(&results[1]);
    let worst = pairs
        .map(|(a, b)| (a - b).abs())
        .fold(0.0f32, |worst, difference| if difference.is_nan() { f32::INFINITY } else { worst.max(difference) });
    if worst <= SELF_TEST_TOLERANCE * largest {
        Ok(())
    } else {
        Err(format!("results differ from the CPU's by {worst}"))
    }
}

async fn on(tensor: &Tensor<4>, device: &Device) -> Result<Tensor<4>, String> {
    let data = tensor.clone().inner().into_data_async().await.map_err(|error| format!("{error:?}"))?;
    Ok(Tensor::from_data(data, device).require_grad())
}
