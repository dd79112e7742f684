# nextlabel in a container: docs/deploying.md says how to run it.
#
# Both stages stand on the same base, so that the virtual environment made in the first one works in the second.

FROM python:3.11-slim AS builder

# The ordinary index gives torch with CUDA's libraries, for machines with a GPU and without. The address of an index
# of CPU builds, given here, is asked too, and its builds come first: a much smaller image.
ARG TORCH_INDEX=""

# constrained by the environment, so that what builds the wheel is pinned too
ENV PIP_CONSTRAINT=/build/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/nextlabel
ENV PATH=/opt/nextlabel/bin:$PATH

# the dependencies alone, in a layer that outlives changes to the source
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*project['dependencies'], *project['optional-dependencies']['postgres'], sep='\n')" > requirements.txt \
    && pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} --requirement requirements.txt

# they must be of one build: a torch of one index and a torchvision of another do not work together
RUN python -c "import torch, torchvision"

COPY README.md LICENSE ./
COPY server server
COPY plugins plugins
COPY trained trained
RUN pip install --no-deps . && pip check


FROM python:3.11-slim

LABEL org.opencontainers.image.title="nextlabel" \
      org.opencontainers.image.description="A server for human-in-the-loop image classification" \
      org.opencontainers.image.licenses="Apache-2.0"

RUN groupadd --gid 10001 nextlabel \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/nextlabel \
       --shell /usr/sbin/nologin nextlabel \
    && mkdir /var/lib/nextlabel \
    && chown 10001:10001 /var/lib/nextlabel
COPY --from=builder /opt/nextlabel /opt/nextlabel

# Everything that is written lies in the volume; it is the working directory too, where Python looks for a
# temporary folder when there is no other. A server that others reach needs NEXTLABEL_TOKEN or NEXTLABEL_TOKEN_FILE:
# there is none in the image, and without one `serve` says so and ends.
ENV PATH=/opt/nextlabel/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/nextlabel \
    NEXTLABEL_HOME=/var/lib/nextlabel \
    NEXTLABEL_HOST=0.0.0.0 \
    NEXTLABEL_PORT=8000
WORKDIR /var/lib/nextlabel
USER 10001:10001
VOLUME /var/lib/nextlabel
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['NEXTLABEL_PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["nextlabel"]
CMD ["serve"]
