"""A large result store of files, in the place of Azure's: all else of blob storage is vantage6's own."""
import pathlib
import types

import flask
from vantage6 import server
from vantage6.server.resource import blobstream
from vantage6.server.service.azure_storage_service import AzureStorageService

PIECE = 1 << 16


class FileStore(AzureStorageService):
    """Each blob in a file of its name. What the server does with blobs when a run is deleted is Azure's class's.

    Where there is a file `break`, it goes, and what a container is reading then breaks off.
    """

    def __init__(self, config):
        from sqlalchemy import event
        self.folder = pathlib.Path(config["folder"])
        self.folder.mkdir(exist_ok=True)
        event.listen(server.db.Run, "after_delete", self.delete_blob_after_run_delete)

    def get_blob(self, blob_name):
        return (self.folder / blob_name).read_bytes()

    def store_blob(self, blob_name, data):
        with open(self.folder / blob_name, "wb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                while piece := data.read(PIECE):
                    file.write(piece)

    def delete_blob(self, blob_name):
        (self.folder / blob_name).unlink()

    def stream_blob(self, blob_name):
        path, trap = self.folder / blob_name, self.folder / "break"
        if flask.g.get("container") and trap.exists():
            trap.unlink()
            return types.SimpleNamespace(chunks=lambda: broken(path))
        file = open(path, "rb")
        return types.SimpleNamespace(chunks=lambda: iter(lambda: file.read(PIECE), b""))


def broken(path):
    yield path.read_bytes()[:path.stat().st_size // 2]
    raise OSError("the store broke off")


def install():
    server.AzureStorageService = FileStore
    # The real server runs in uWSGI, whose function this is; the bench's reads a body in chunks by itself.
    blobstream.uwsgi = types.SimpleNamespace(chunked_read=lambda size: flask.request.stream.read(size))
