//! The one way to a POST of the API: a route that is made here has a caller whose
//! key was checked, and honours `Idempotency-Key`.

use super::answer::Answer;
use super::body;
use super::caller::Caller;
use super::idempotency::{Begun, IdempotencyKey, Once, begin};
use crate::error::Problem;
use crate::window::Window;
use actix_web::dev;
use actix_web::web::{self, Data, Payload};
use actix_web::{Error, FromRequest, Handler, HttpMessage as _, HttpRequest, HttpResponse, Route};

/// A POST that `handler` answers. Takes what handlers take: [`Caller`], a path, a
/// payload, [`super::Names`] for what it makes.
///
/// With an idempotency key, the call goes on when its client has gone: who asks
/// again finds the answer.
pub fn post<F, Args>(handler: F) -> Route
where
    F: Handler<Args, Output = Result<Answer, Problem>>,
    Args: FromRequest + 'static,
{
    web::post().to(move |request: HttpRequest, caller: Caller, payload: Payload, window: Data<Window>| {
        let handler = handler.clone();
        async move {
            let Some(key) = IdempotencyKey::of(&request)? else {
                request.extensions_mut().insert(caller);
                return Ok(run(&handler, &request, payload.into_inner()).await?.into_response());
            };
            let body = body::read(payload).await?;
            let once = match begin(&window, &caller, key, &request, &body).await? {
                Begun::Mine(once) => once,
                Begun::Answered(kept) => return Ok(kept.replay()),
            };
            request.extensions_mut().insert(caller);
            let call = run_once(handler, request, body.into(), once);
            actix_web::rt::spawn(call).await.unwrap_or_else(|_| Err(Problem::ours("a call panicked").into()))
        }
    })
}

async fn run_once<F, Args>(
    handler: F,
    request: HttpRequest,
    body: dev::Payload,
    once: Once,
) -> Result<HttpResponse, Error>
where
    F: Handler<Args, Output = Result<Answer, Problem>>,
    Args: FromRequest,
{
    request.extensions_mut().insert(once.names());
    let answered = run(&handler, &request, body).await;
    once.end(&request, &answered).await;
    answered.map(Answer::into_response)
}

async fn run<F, Args>(handler: &F, request: &HttpRequest, mut payload: dev::Payload) -> Result<Answer, Error>
where
    F: Handler<Args, Output = Result<Answer, Problem>>,
    Args: FromRequest,
{
    let arguments = Args::from_request(request, &mut payload).await.map_err(Into::into)?;
    Ok(handler.call(arguments).await?)
}
