//! The controller of a source, asked through its control API.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use super::error::CliError;
use crate::api::client::{Client, ClientError, address};
use crate::api::{Told, WorkspaceList, WorkspaceView};

/// A page of a list.
const PAGE: &str = "500";

/// The control socket's name in the state directory.
const SOCKET: &str = "wharf.sock";

/// A controller that may be running, for a command that can wait.
#[derive(Debug)]
pub struct Controller {
    client: Client,
    runtime: Runtime,
}

impl Controller {
    /// The controller that holds a state directory, whether or not it runs.
    pub fn of(state_dir: &Path) -> Result<Self, CliError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
        Ok(Self { client: Client::new(state_dir.join(SOCKET)), runtime })
    }

    /// Asks for a document; `None` where no controller of ours runs.
    pub fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CliError> {
        match self.runtime.block_on(self.client.get(path)) {
            Ok(found) => Ok(Some(found)),
            // Somebody else's controller: its status files are for everybody.
            Err(ClientError::NotRunning { .. } | ClientError::Socket { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks for a document.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        Ok(self.runtime.block_on(self.client.get(path))?)
    }

    /// Asks for a document for as long as the controller is away, which it may be while it is restarted; `away` is told once.
    pub fn get_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        patience: Duration,
        mut away: impl FnMut(),
    ) -> Result<T, CliError> {
        const AGAIN: Duration = Duration::from_millis(200);
        let deadline = Instant::now() + patience;
        let mut told = false;
        loop {
            match self.runtime.block_on(self.client.get(path)) {
                Err(ClientError::NotRunning { .. } | ClientError::Protocol { .. }) if Instant::now() < deadline => {
                    if !std::mem::replace(&mut told, true) {
                        away();
                    }
                    std::thread::sleep(AGAIN);
                }
                answer => return Ok(answer?),
            }
        }
    }

    /// Asks for something to be done.
    pub fn send<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, CliError> {
        Ok(self.runtime.block_on(self.client.send(path, body))?)
    }

    /// Asks for something to be done that its path says all of.
    pub fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        Ok(self.runtime.block_on(self.client.post(path))?)
    }

    /// Asks for something to end.
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        Ok(self.runtime.block_on(self.client.delete(path))?)
    }

    /// Every workspace that passes a selector; `None` where no controller of ours runs.
    pub fn workspaces(&self, selector: Option<&str>) -> Result<Option<Vec<WorkspaceView>>, CliError> {
        match self.runtime.block_on(workspaces(&self.client, selector)) {
            Ok(found) => Ok(Some(found.into_iter().map(Arc::unwrap_or_clone).collect())),
            Err(ClientError::NotRunning { .. } | ClientError::Socket { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Does what asks for several things at a time.
    pub fn run<F: Future>(&self, work: impl FnOnce(Client) -> F) -> F::Output {
        self.runtime.block_on(work(self.client.clone()))
    }

    /// Follows a stream, from a thread that may block.
    pub fn follow(&self, path: &str, mut take: impl FnMut(Told) -> Result<bool, CliError>) -> Result<(), CliError> {
        self.runtime.block_on(async {
            let mut stream = self.client.stream(path).await?;
            while let Some(told) = stream.next().await {
                if !take(told?)? {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// Every workspace that passes a selector, page by page.
pub async fn workspaces(client: &Client, selector: Option<&str>) -> Result<Vec<Arc<WorkspaceView>>, ClientError> {
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE)];
        query.extend(selector.map(|selector| ("selector", selector)));
        query.extend(next.as_deref().map(|next| ("continue", next)));
        let page: WorkspaceList = client.get(&address(&["v1", "workspaces"], &query)).await?;
        found.extend(page.items);
        next = page.next;
        if next.is_none() {
            return Ok(found);
        }
    }
}
