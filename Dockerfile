# One wheel from the lock on Debian's own Python; no compiler, no package installer and no root in what runs.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv
RUN python3 -m venv /opt/tools && /opt/tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 \
 && python3 -m venv /opt/segue
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN /opt/tools/bin/uv export --quiet --frozen --no-dev --no-emit-project --output-file requirements.txt \
 && /opt/segue/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements.txt
COPY README.md LICENSE ./
COPY service service
COPY mappings mappings
COPY terminology terminology
RUN /opt/segue/bin/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist . \
 && /opt/segue/bin/pip install --quiet --disable-pip-version-check --no-deps dist/*.whl \
 && /opt/segue/bin/pip uninstall --quiet --yes pip setuptools \
 && /opt/segue/bin/python -m compileall -q /opt/segue/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Segue" \
      org.opencontainers.image.description="HL7 v2 messages in, valid FHIR R4 Bundles out" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* \
 && install --directory --owner 65532 --group 65532 /var/lib/segue
COPY --from=build /opt/segue /opt/segue
ENV PATH=/opt/segue/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /var/lib/segue
EXPOSE 8080 2575
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
ENTRYPOINT ["segue"]
# A container has to listen off loopback; who may reach it is for the network around it to say.
CMD ["serve", "--host", "0.0.0.0", "--plaintext"]
