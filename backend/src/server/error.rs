//! What the API answers when it does not do what was asked.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rrlab_protocol::{FieldProblem, Problem};

use crate::ingest::IngestError;
use crate::objects::ObjectError;
use crate::store::StoreError;

/// Why a request was not carried out.
#[derive(Debug)]
pub enum ApiError {
    /// Nobody that the lab knows asks.
    Unauthorized,
    /// The one who asks may not.
    Forbidden(&'static str),
    /// There is no such thing, or it is somebody else's.
    NotFound(&'static str),
    /// The request is not one that the route takes.
    Malformed(StatusCode, String),
    /// The route takes other methods; the header Allow names them.
    MethodNotAllowed,
    /// It is, but says something that can't be.
    Invalid(String),
    /// Fields of it are missing, unknown or wrong.
    InvalidFields(Vec<FieldProblem>),
    /// Something else stands against it.
    Conflict(Problem),
    /// Too much was asked for; later it may go.
    TooMany {
        /// What was too much.
        problem: String,
        /// Seconds to wait, as the header Retry-After says.
        retry_seconds: u64,
    },
    /// No room is left.
    Full,
    /// Database or object store can't be reached.
    Unavailable,
    /// A fault of the lab's; the log says which.
    Internal,
}

/// Result of a route.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A conflict without dependents.
    pub fn conflict(problem: impl Into<String>) -> Self {
        Self::Conflict(Problem { problem: problem.into(), ..Problem::default() })
    }

    fn parts(self) -> (StatusCode, Problem, Option<u64>) {
        let (status, problem, retry) = match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "show a token: `Authorization: Bearer rrlab_…`, or sign in on the page".to_owned(),
                None,
            ),
            Self::Forbidden(problem) => (StatusCode::FORBIDDEN, problem.into(), None),
            Self::NotFound(what) => {
                (StatusCode::NOT_FOUND, format!("there is no such {what}"), None)
            }
            Self::Malformed(status, problem) => (status, problem, None),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "this address takes other methods: the header Allow names them".into(),
                None,
            ),
            Self::Invalid(problem) => (StatusCode::UNPROCESSABLE_ENTITY, problem, None),
            Self::InvalidFields(fields) => {
                let told: Vec<String> = fields.iter().map(FieldProblem::to_string).collect();
                let problem = Problem { problem: told.join("; "), fields, ..Problem::default() };
                return (StatusCode::UNPROCESSABLE_ENTITY, problem, None);
            }
            Self::Conflict(problem) => return (StatusCode::CONFLICT, problem, None),
            Self::TooMany { problem, retry_seconds } => {
                (StatusCode::TOO_MANY_REQUESTS, problem, Some(retry_seconds))
            }
            Self::Full => (
                StatusCode::INSUFFICIENT_STORAGE,
                "the server's disk is full: nothing was stored; delete what is no longer needed"
                    .into(),
                None,
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the server's database can't be reached just now".into(),
                Some(5),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the server failed; its log says why, under this response's x-request-id".into(),
                None,
            ),
        };
        (status, Problem { problem, ..Problem::default() }, retry)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, problem, retry) = self.parts();
        let mut response = (status, Json(problem)).into_response();
        if let Some(seconds) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the database failed");
        match error {
            StoreError::Database(
                sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_),
            ) => Self::Unavailable,
            // SQLITE_FULL, and PostgreSQL's disk_full.
            StoreError::Database(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("13" | "53100")) =>
            {
                Self::Full
            }
            _ => Self::Internal,
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Refused(problem) => Self::Invalid(problem),
            IngestError::DiskFull => Self::Full,
            IngestError::BrokeDown(_) => {
                tracing::error!(%error, "reading an upload broke down");
                Self::Internal
            }
        }
    }
}

impl From<ObjectError> for ApiError {
    fn from(error: ObjectError) -> Self {
        tracing::error!(%error, "the object store failed");
        match error {
            ObjectError::Full => Self::Full,
            _ => Self::Internal,
        }
    }
}
