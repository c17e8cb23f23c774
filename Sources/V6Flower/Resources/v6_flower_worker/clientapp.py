"""Runs a ClientApp: one message in, its reply and the app's state out, until the host has no more."""

import traceback

from . import hooks
from .frames import Channel, Closed

# Source: `flwr.common.constant.ErrorCode`.
_LOAD, _RAISED = 1, 2


def run(channel: Channel, folder: str) -> int:
    """Answers the host's messages, each with the context that comes with it."""
    from flwr.app import Context, Error, Message, RecordDict
    from flwr.clientapp import ClientApp

    from . import datasets, project
    from . import messages as codec
    from .grid import identify

    channel.send({"call": "ready", "id": 0})
    app = None
    while True:
        try:
            head, received = channel.receive()
        except Closed:
            return 0
        message = codec.decode(head["message"], received)
        context = Context(
            run_id=message.metadata.run_id, node_id=message.metadata.dst_node_id, node_config=head["node_config"],
            state=codec.decode_records(head["state"], received), run_config=head["run_config"],
        )  # fmt: skip
        del received
        hooks.seed(head["seed"])
        identify(context.run_id, context.node_id)
        problem = None
        try:
            if app is None:
                datasets.answer_from(head["databases"], head["column_mapping"], "ClientApp")
                app = project.load(folder, "clientapp")
                if not isinstance(app, ClientApp):
                    raise project.NotAnApp(f"the clientapp is a {type(app).__name__}, not flwr's ClientApp")
            reply = app(message, context)
            if not isinstance(reply, Message):
                raise TypeError(f"the ClientApp answered a {type(reply).__name__}, not a Message")
        except project.NotAnApp as error:
            problem = Error(_LOAD, str(error))
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            # The form of `flwr/supernode/runtime/run_clientapp.py`.
            problem = Error(_RAISED, f"{type(error)}:<'{error}'>")
        if problem is None:
            try:
                channel.send(*_answer(reply, context.state))
                continue
            except Closed:
                return 0
            except Exception as error:
                traceback.print_exc()
                problem = Error(_RAISED, f"{type(error)}:<'{error}'>")
        head, blobs = _answer(Message(problem, reply_to=message), RecordDict())
        channel.send({**head, "failed": True}, blobs)


def _answer(reply, state) -> tuple:
    """The head and the blobs of an answer. Raises where the app put something there that cannot travel."""
    from . import messages as codec

    blobs = codec.Blobs()
    head = {"call": "reply", "id": 0, "message": codec.encode(reply, blobs), "state": codec.encode_records(state, blobs)}
    return head, blobs.parts
