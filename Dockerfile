# nextlabel in a container: docs/deploying.md describes how to run it.
#
# Both stages use the same base, so that the virtual environment of the first works in the second.

FROM python:3.11-slim AS builder

# The default index has torch with CUDA's libraries, which it needs even without a GPU. With the address of an index
# of CPU builds here, pip prefers those builds: the image is much smaller.
ARG TORCH_INDEX=""

# constraints in the environment also pin the packages that build the wheel
ENV PIP_CONSTRAINT=/build/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/nextlabel
ENV PATH=/opt/nextlabel/bin:$PATH

# the dependencies alone, in a layer that is reused when only the source changes
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*project['dependencies'], *project['optional-dependencies']['postgres'], sep='\n')" > requirements.txt \
    && pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} --requirement requirements.txt

# both must come from the same index: otherwise they do not work together
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
    && mkdir /var/lib/nextlabel /data /projects \
    && chown 10001:10001 /var/lib/nextlabel /data
COPY --from=builder /opt/nextlabel /opt/nextlabel

# All files are written to the volume, except downloaded data sets, which go to /data. The volume is also the working directory, where Python looks for a temporary folder
# if there is no other. A server that others can reach needs NEXTLABEL_TOKEN or NEXTLABEL_TOKEN_FILE: the image has
# none, and without one `serve` ends with an error.
ENV PATH=/opt/nextlabel/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/nextlabel \
    NEXTLABEL_HOME=/var/lib/nextlabel \
    NEXTLABEL_DATA=/data \
    NEXTLABEL_PROJECTS=/projects \
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
