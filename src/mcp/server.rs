//! The server: lists the tools and answers calls, one at a time.

use std::path::PathBuf;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool as ToolEntry,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::Mutex;

use super::call::{Limits, call};
use super::tools::{TOOLS, Tool};

const INSTRUCTIONS: &str = "windtunnel simulates cluster schedulers, controllers and autoscalers decision for \
    decision. Ask `place`, `plan`, `explain` or `queue` about a cluster's dump, `run` and `compare` for \
    experiments, `systems` and `schema` for what can be written. Paths are those below the server's folder.";

/// State of the server.
pub(crate) struct Server {
    root: PathBuf,
    program: PathBuf,
    limits: Limits,
    /// Held by the call that runs: a simulation uses every core by itself.
    turn: Mutex<()>,
}

impl Server {
    /// A server of the files below a folder. The program is the one beside this, or that on the path.
    pub(crate) fn new(root: PathBuf, limits: Limits) -> Self {
        let beside = std::env::current_exe().ok();
        let beside = beside.and_then(|own| Some(own.parent()?.join("windtunnel")));
        let program = beside.filter(|path| path.is_file());
        Self {
            root,
            program: program.unwrap_or_else(|| PathBuf::from("windtunnel")),
            limits,
            turn: Mutex::new(()),
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("windtunnel", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let entries = TOOLS.iter();
        let entries = entries.map(|tool| ToolEntry::new(tool.name, tool.about, tool.schema()));
        Ok(ListToolsResult::with_all_items(entries.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = Tool::named(&request.name).ok_or_else(|| {
            let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
            let told = format!(
                "there is no tool `{}`; there are {}",
                request.name,
                names.join(", ")
            );
            ErrorData::invalid_params(told, None)
        })?;
        let words = tool.command(&request.arguments.unwrap_or_default(), &self.root);
        let words = words.map_err(|told| ErrorData::invalid_params(told, None))?;
        let _turn = self.turn.lock().await;
        let answer = call(&self.program, &words, &self.root, self.limits).await;
        let content = vec![ContentBlock::text(answer.text)];
        Ok(CallToolResponse::Complete(if answer.is_done {
            CallToolResult::success(content)
        } else {
            CallToolResult::error(content)
        }))
    }
}
