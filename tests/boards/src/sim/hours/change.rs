//! What an operator changes now and then: containers and images that come and go.

use anyhow::{Context as _, Result, ensure};
use thimble_image::ImageConfig;
use thimble_serial::{ContainerStatus, Declaration, Policy, Request, RunState};

use super::Hours;
use crate::sim::guests;

/// Images that are known at a time.
const IMAGES_MAX: usize = 4;
/// Containers that are there at a time.
const CONTAINERS_MAX: usize = 3;
/// Bytes of an image at most, beside what all have.
const IMAGE_BYTES_MAX: u64 = 16_000;

/// What comes and goes.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Names of images.
    images: Vec<String>,
    /// Names of containers.
    containers: Vec<String>,
    next: u32,
}

impl Extra {
    /// Whether exactly the containers are there that should be, and run.
    pub(super) fn check(&self, containers: &[ContainerStatus]) -> Result<()> {
        let is_extra = |status: &&ContainerStatus| status.declaration.name.starts_with("extra-");
        for status in containers.iter().filter(is_extra) {
            let name = &status.declaration.name;
            ensure!(
                self.containers.contains(name),
                "{name} was removed and is there"
            );
            ensure!(
                status.state == RunState::Running,
                "{name} should run: {status:?}"
            );
        }
        for name in &self.containers {
            let is_there = containers
                .iter()
                .any(|status| status.declaration.name == *name);
            ensure!(is_there, "{name} is gone");
        }
        Ok(())
    }
}

impl Hours {
    /// Changes something.
    pub(super) fn change(&mut self) -> Result<()> {
        for _ in 0..1 + self.random.below(3) {
            let place = self.random.below(4);
            match place {
                0 => self.install()?,
                1 => self.create()?,
                2 => self.remove_container()?,
                _ => self.remove_image()?,
            }
        }
        Ok(())
    }

    /// Removes all that comes and goes.
    pub(super) fn clear(&mut self) -> Result<()> {
        while !self.extra.containers.is_empty() {
            self.remove_container()?;
        }
        while !self.extra.images.is_empty() {
            self.remove_image()?;
        }
        Ok(())
    }

    fn install(&mut self) -> Result<()> {
        if self.extra.images.len() >= IMAGES_MAX {
            return Ok(());
        }
        self.extra.next += 1;
        let bytes = usize::try_from(self.random.below(IMAGE_BYTES_MAX))?;
        let image = guests::image(
            &guests::idle(self.extra.next, bytes),
            ImageConfig::default(),
        )?;
        let reference = format!("extra:{}", self.extra.next);
        self.rig
            .install(&image, &reference)
            .context("installing another image")?;
        self.extra.images.push(reference);
        self.counts.installed += 1;
        Ok(())
    }

    fn create(&mut self) -> Result<()> {
        if self.extra.images.is_empty() || self.extra.containers.len() >= CONTAINERS_MAX {
            return Ok(());
        }
        self.extra.next += 1;
        let mut declaration = Declaration {
            name: format!("extra-{}", self.extra.next),
            image: self.random.pick(&self.extra.images).clone(),
            restart: Policy::UnlessStopped,
            ..Declaration::default()
        };
        declaration.limits.stack_bytes = Some(512 + u32::try_from(self.random.below(6000))?);
        let (name, _) = self
            .rig
            .client
            .create(declaration, false)
            .context("making another container")?;
        self.extra.containers.push(name);
        self.counts.created += 1;
        Ok(())
    }

    fn remove_container(&mut self) -> Result<()> {
        if self.extra.containers.is_empty() {
            return Ok(());
        }
        let place = self.random.index(self.extra.containers.len());
        let name = self.extra.containers.swap_remove(place);
        let force = true;
        self.rig
            .client
            .done(&Request::Remove { name, force })
            .context("removing a container")
    }

    /// Removes an image that nobody uses, or is told that somebody does.
    fn remove_image(&mut self) -> Result<()> {
        if self.extra.images.is_empty() {
            return Ok(());
        }
        let place = self.random.index(self.extra.images.len());
        let image = self.extra.images[place].clone();
        let removed = self.rig.client.done(&Request::RemoveImage { image });
        match removed {
            Ok(()) => {
                self.extra.images.swap_remove(place);
                Ok(())
            }
            Err(error) if error.to_string().contains("needs the image") => Ok(()),
            Err(error) => Err(error).context("removing an image"),
        }
    }
}
