"""`ui`: the dashboard in a browser."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from alertferry.commands.output import err, note, say
from alertferry.core.errors import UsageError


def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; a free one when left out.")] = 0,
    address: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's need --basic-auth.")
    ] = "127.0.0.1",
    prefix: Annotated[str, typer.Option(help="Path below which it stands, as behind a proxy.")] = "",
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="[https://]HOST[:PORT] whose pages may connect, as behind a proxy; can be repeated."),
    ] = None,
    basic_auth: Annotated[
        str | None,
        typer.Option(envvar="ALERTFERRY_UI_BASIC_AUTH", help="JSON file {user: password}; jobs then belong to users."),
    ] = None,
    cookie_secret: Annotated[
        str | None,
        typer.Option(
            envvar="ALERTFERRY_UI_COOKIE_SECRET", help="Signs the cookies; kept in ALERTFERRY_HOME when left out."
        ),
    ] = None,
    estimates: Annotated[
        bool, typer.Option(help="Estimates and previews, by a worker with Spark that starts when it is needed.")
    ] = True,
    tls_cert: Annotated[str | None, typer.Option(help="Certificate in PEM, with its chain: serve https.")] = None,
    tls_key: Annotated[str | None, typer.Option(help="Key of the certificate, in PEM.")] = None,
    use_xheaders: Annotated[
        bool, typer.Option(help="Take addresses from X-Real-Ip and X-Scheme, behind a proxy.")
    ] = False,
) -> None:
    """Open the dashboard; where nothing is configured, with a demonstration lake and a broker of its own."""
    try:
        from alertferry.ui.server import Serving, serve
    except ModuleNotFoundError as error:
        raise UsageError(f"the dashboard needs {error.name}: pip install 'alertferry[ui]'") from None
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together: give both, or neither")
    serving = Serving(
        address=address,
        port=port,
        prefix=prefix,
        origins=tuple(allow_origin or ()),
        basic_auth=basic_auth and str(Path(basic_auth).expanduser().absolute()),
        cookie_secret=cookie_secret,
        estimates=estimates,
        tls=(tls_cert, tls_key) if tls_cert and tls_key else None,
        options={"use_xheaders": True} if use_xheaders else {},
    )
    serving.check()
    if serving.confined and not serving.signed_in:
        note("it may serve others, behind a proxy: jobs can name uploads and the site's lakes only (docs/security.md)")
    with ExitStack() as stack:
        _provide(stack)
        if estimates:
            stack.callback(_stop_worker)
        try:
            serve(serving, lambda url: say(f"The dashboard is at {url}   (Ctrl-C stops it)"))
        except KeyboardInterrupt:
            note("stopped")
        except OSError as error:
            raise UsageError(f"cannot listen on {address}:{port}: {error.strerror}; choose another --port") from None


def _stop_worker() -> None:
    """Stop the worker of the estimates; whoever needs it next starts it again."""
    from alertferry.core.settings import load_settings
    from alertferry.estimates import stop_worker

    stop_worker(load_settings())


def _provide(stack: ExitStack) -> None:
    """Make what is missing: lakes when none is configured, a broker when none is known."""
    from alertferry.current import current_settings
    from alertferry.ui.demo import demo_lakes

    settings = current_settings()
    if not settings.lakes:
        demo_lakes(settings, note)
    if settings.bootstrap_servers is None:
        from alertferry.broker import running_broker

        with err().status("starting Apache Kafka (the first time, its jars are fetched: about a minute)"):
            info = stack.enter_context(running_broker(settings.home))
        note(f"Apache Kafka runs at {info.bootstrap_servers} for as long as the dashboard does")
