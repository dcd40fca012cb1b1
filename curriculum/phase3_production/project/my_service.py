"""Project 3: a service that survives. Fill in `create_app`, then: recsys-lab project grade 3

You may use recsys_lab.storage (`load` reads an artefact, and refuses a bad one with DataError), recsys_lab.datasets and
recsys_lab.serve.EventLog; the app itself is yours, not recsys_lab.serve's. To try it: `python my_service.py model.npz`.

What the grader asks for (every answer is JSON):

    GET  /health                                  200 as long as the process lives
    GET  /v1/users/{user}/recommendations?n=10    {"model": ..., "fallback": ..., "items": [{"item": 50}, ...]}
    POST /v1/recommendations                      the same for {"history": [{"item": 50, "rating": 5}, ...], "n": 10}
    POST /v1/events                               {"stored": 1, "duplicates": 0} for {"events": [{"id": "a-1",
                                                  "kind": "click", "user": 1, "item": 50}, ...]}

- `model` is the version of the model that made the list, the first 12 digits of the SHA-256 of its file, or null.
  `items` is the model's list, best first. With `"fallback": true` it is a list of the most rated films of MovieLens 100K:
  for a user whom the model does not know, where no sound artefact was seen yet, and where the model fails or is slow.
- A newcomer's list is the model's `recommend_for`; films that the model does not know are left out of the history.
- The model has half a second for a list, and nobody waits for another one's. The grader makes it take four seconds (in
  your process, `recommend` and `recommend_for` of every model then do), and lets it fail.
- The artefact may be missing, cut short or not an artefact when the service starts. It is replaced (in one step, by
  os.replace) while the service runs: a sound one is in use within five seconds; a bad one changes nothing.
- Events may be acknowledged when they are stored, so that kill -9 takes none of them. The same `id` is the same event:
  posted again, it counts as a duplicate. A batch is stored as a whole or not at all.
- Limits: n is 1 to 100. A history has 1 to 500 ratings, each 1 to 5. A batch has 1 to 500 events; kind is "impression" or
  "click"; id, and ids of users and items that are text, have 1 to 64 letters; ids that are numbers are whole, of at most 15
  digits. What breaks a limit, or is no JSON, is refused with 4xx; so is an address that does not exist.
- Each 4xx and 5xx is a problem (RFC 9457): content type application/problem+json, with at least `title` and `status`.
  No line of a stack trace and no path of a file is ever in an answer.
- SIGTERM ends the process within ten seconds; what was asked before it is answered.
"""

from fastapi import FastAPI, HTTPException


def create_app(model_path: str, events_url: str) -> FastAPI:
    """The service: `model_path` is where the artefact is, or will be; `events_url` is a SQLAlchemy URL."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict:
        return {"status": "alive"}

    @app.get("/v1/users/{user}/recommendations")
    def recommend(user: str, n: int = 10) -> dict:
        raise HTTPException(501, "not written yet")  # your code here

    @app.post("/v1/recommendations")
    def recommend_for() -> dict:
        raise HTTPException(501, "not written yet")  # your code here

    @app.post("/v1/events")
    def events() -> dict:
        raise HTTPException(501, "not written yet")  # your code here

    return app


if __name__ == "__main__":
    import sys

    import uvicorn

    uvicorn.run(create_app(sys.argv[1], "sqlite:///events.db"), host="127.0.0.1", port=8000)
