//! Histories of well-known images, for tests: shortened where lines repeat, written after their
//! public Dockerfiles. A step that begins with `+` made a layer.

use crate::model::image::History;

/// The history of a known image.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [&'static str],
}

/// What an author puts on top of one, as one should.
pub(crate) const APP: &[&str] = &[
    "+WORKDIR /app",
    "+COPY requirements.txt . # buildkit",
    "+RUN /bin/sh -c pip install --no-cache-dir -r requirements.txt # buildkit",
    "+COPY . . # buildkit",
    "CMD [\"python\" \"main.py\"]",
];

/// Steps as their builders write them; which builder it was shows in the text.
pub(crate) fn history(steps: &[&str]) -> Vec<History> {
    let step = |text: &&str| {
        let created_by = text.trim_start_matches('+');
        let is_buildkit = !created_by.starts_with(['/', '#', '|']);
        History {
            created_by: created_by.to_owned(),
            comment: if is_buildkit { "buildkit.dockerfile.v0" } else { "" }.to_owned(),
            empty_layer: !text.starts_with('+'),
            ..History::default()
        }
    };
    steps.iter().map(step).collect()
}

const PYTHON_SLIM: &[&str] = &[
    "+# debian.sh --arch 'amd64' out/ 'bookworm' '@1744675200'",
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    "+RUN /bin/sh -c set -eux; \tapt-get update; \tapt-get install -y --no-install-recommends \t\tca-certificates \t\tnetbase \t\ttzdata \t; \trm -rf /var/lib/apt/lists/* # buildkit",
    "ENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
    "ENV PYTHON_VERSION=3.12.10",
    "+RUN /bin/sh -c set -eux; \t\tsavedAptMark=\"$(apt-mark showmanual)\"; \tapt-get update; \tapt-get install -y --no-install-recommends \t\tdpkg-dev \t\tgcc \t\twget; \twget -O python.tar.xz \"https://www.python.org/ftp/python/${PYTHON_VERSION%%[a-z]*}/Python-$PYTHON_VERSION.tar.xz\"; \tmake -j \"$nproc\"; \tmake install; \tpip3 install --disable-pip-version-check --no-cache-dir --no-compile 'setuptools==65.5.1' wheel # buildkit",
    "+RUN /bin/sh -c set -eux; \tfor src in idle3 pip3 pydoc3 python3 python3-config; do \t\tdst=\"$(echo \"$src\" | tr -d 3)\"; \t\tln -svT \"$src\" \"/usr/local/bin/$dst\"; \tdone # buildkit",
    "CMD [\"python3\"]",
];

const UBUNTU: &[&str] = &[
    "/bin/sh -c #(nop)  ARG RELEASE",
    "/bin/sh -c #(nop)  LABEL org.opencontainers.image.version=22.04",
    "+/bin/sh -c #(nop) ADD file:1b6c8c9518be42fa2afe5e241ca31677fce58d27cdfa88baa91a65a259be3637 in / ",
    "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
];

const PYTORCH_RUNTIME: &[&str] = &[
    "/bin/sh -c #(nop)  ARG RELEASE",
    "+/bin/sh -c #(nop) ADD file:1b6c8c9518be42fa2afe5e241ca31677fce58d27cdfa88baa91a65a259be3637 in / ",
    "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
    "ARG PYTORCH_VERSION",
    "ARG TRITON_VERSION",
    "ARG TARGETPLATFORM",
    "ARG CUDA_VERSION",
    "LABEL com.nvidia.volumes.needed=nvidia_driver",
    "+RUN |4 PYTORCH_VERSION=2.5.1 TRITON_VERSION= TARGETPLATFORM=linux/amd64 CUDA_VERSION=12.4.1 /bin/sh -c apt-get update && apt-get install -y --no-install-recommends         ca-certificates         libjpeg-dev         libpng-dev         && rm -rf /var/lib/apt/lists/* # buildkit",
    "+COPY /opt/conda /opt/conda # buildkit",
    "+RUN |4 PYTORCH_VERSION=2.5.1 TRITON_VERSION= TARGETPLATFORM=linux/amd64 CUDA_VERSION=12.4.1 /bin/sh -c if test -n \"${TRITON_VERSION}\" -a \"${TARGETPLATFORM}\" != \"linux/arm64\"; then         apt install -y --no-install-recommends gcc;         rm -rf /var/lib/apt/lists/*;     fi # buildkit",
    "ENV PATH=/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV NVIDIA_VISIBLE_DEVICES=all",
    "ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility",
    "ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
    "ENV PYTORCH_VERSION=2.5.1",
    "+WORKDIR /workspace",
];

const CUDA_RUNTIME: &[&str] = &[
    "+/bin/sh -c #(nop) ADD file:1b6c8c9518be42fa2afe5e241ca31677fce58d27cdfa88baa91a65a259be3637 in / ",
    "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
    "ENV NVARCH=x86_64",
    "ENV NVIDIA_REQUIRE_CUDA=cuda>=12.4 brand=tesla,driver>=470,driver<471",
    "ENV NV_CUDA_CUDART_VERSION=12.4.127-1",
    "ARG TARGETARCH",
    "LABEL maintainer=NVIDIA CORPORATION <cudatools@nvidia.com>",
    "+RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get update && apt-get install -y --no-install-recommends     gnupg2 curl ca-certificates &&     curl -fsSLO https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/${NVARCH}/cuda-keyring_1.1-1_all.deb &&     dpkg -i cuda-keyring_1.1-1_all.deb && rm -rf /var/lib/apt/lists/* # buildkit",
    "ENV CUDA_VERSION=12.4.1",
    "+RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get update && apt-get install -y --no-install-recommends     cuda-cudart-12-4=${NV_CUDA_CUDART_VERSION}     cuda-compat-12-4     && rm -rf /var/lib/apt/lists/* # buildkit",
    "+RUN |1 TARGETARCH=amd64 /bin/sh -c echo \"/usr/local/nvidia/lib\" >> /etc/ld.so.conf.d/nvidia.conf # buildkit",
    "ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
    "+COPY NGC-DL-CONTAINER-LICENSE / # buildkit",
    "ENV NVIDIA_VISIBLE_DEVICES=all",
    "ENV NV_CUDA_LIB_VERSION=12.4.1-1",
    "ENV NV_LIBNCCL_PACKAGE=libnccl2=2.21.5-1+cuda12.4",
    "+RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get update && apt-get install -y --no-install-recommends     cuda-libraries-12-4=${NV_CUDA_LIB_VERSION}     ${NV_LIBNCCL_PACKAGE}     && rm -rf /var/lib/apt/lists/* # buildkit",
    "+RUN |1 TARGETARCH=amd64 /bin/sh -c apt-mark hold ${NV_LIBCUBLAS_PACKAGE_NAME} ${NV_LIBNCCL_PACKAGE_NAME} # buildkit",
    "+COPY entrypoint.d/ /opt/nvidia/entrypoint.d/ # buildkit",
    "+COPY nvidia_entrypoint.sh /opt/nvidia/ # buildkit",
    "ENV NVIDIA_PRODUCT_NAME=CUDA",
    "ENTRYPOINT [\"/opt/nvidia/nvidia_entrypoint.sh\"]",
    "ENV NV_CUDNN_VERSION=9.1.0.70-1",
    "LABEL com.nvidia.cudnn.version=9.1.0.70-1",
    "+RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get update && apt-get install -y --no-install-recommends     ${NV_CUDNN_PACKAGE}     && apt-mark hold ${NV_CUDNN_PACKAGE_NAME}     && rm -rf /var/lib/apt/lists/* # buildkit",
];

/// NVIDIA's framework images copy whole contexts and install without versions, long after their
/// only `ENTRYPOINT`.
const NGC_PYTORCH: &[&str] = &[
    "+/bin/sh -c #(nop) ADD file:4f2a7b in / ",
    "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
    "+RUN /bin/sh -c export DEBIAN_FRONTEND=noninteractive  && apt-get update  && apt-get install -y --no-install-recommends         apt-utils         build-essential # buildkit",
    "+RUN /bin/sh -c export DEVEL=0 BASE=1 && /nvidia/build-scripts/installCUDA.sh # buildkit",
    "+COPY nvidia_entrypoint.sh /opt/nvidia/ # buildkit",
    "ENTRYPOINT [\"/opt/nvidia/nvidia_entrypoint.sh\"]",
    "+RUN /bin/sh -c export DEVEL=1 BASE=0 && /nvidia/build-scripts/installCUDA.sh # buildkit",
    "ENV NVIDIA_PRODUCT_NAME=PyTorch",
    "+WORKDIR /opt/pytorch",
    "+COPY . . # buildkit",
    "+RUN /bin/sh -c pip install --no-cache-dir numpy scipy jupyterlab pytest # buildkit",
    "+RUN /bin/sh -c pip install --no-cache-dir -v -r requirements.txt # buildkit",
    "+RUN /bin/sh -c git clone https://github.com/pytorch/examples # buildkit",
    "+RUN /bin/sh -c ln -s a b # buildkit",
    "+RUN /bin/sh -c ln -s c d # buildkit",
    "+RUN /bin/sh -c ln -s e f # buildkit",
    "+RUN /bin/sh -c ln -s g h # buildkit",
    "+WORKDIR /workspace",
    "+COPY NVIDIA_Deep_Learning_Container_License.pdf /workspace/ # buildkit",
    "ARG NVIDIA_BUILD_ID",
    "ENV NVIDIA_BUILD_ID=217360000",
    "LABEL com.nvidia.build.id=217360000",
    "ARG NVIDIA_BUILD_REF",
    "LABEL com.nvidia.build.ref=4f2a",
];

const VLLM: &[&str] = &[
    "+/bin/sh -c #(nop) ADD file:4f2a7b in / ",
    "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
    "ENV NVIDIA_PRODUCT_NAME=CUDA",
    "ENTRYPOINT [\"/opt/nvidia/nvidia_entrypoint.sh\"]",
    "+WORKDIR /vllm-workspace",
    "+RUN |3 CUDA_VERSION=12.8.1 PYTHON_VERSION=3.12 INSTALL_KV_CONNECTORS=false /bin/sh -c apt-get update -y     && apt-get install -y ccache software-properties-common git curl sudo python3-pip # buildkit",
    "+RUN |3 CUDA_VERSION=12.8.1 PYTHON_VERSION=3.12 INSTALL_KV_CONNECTORS=false /bin/sh -c python3 -m pip install uv # buildkit",
    "+RUN |3 CUDA_VERSION=12.8.1 PYTHON_VERSION=3.12 INSTALL_KV_CONNECTORS=false /bin/sh -c uv pip install --system dist/*.whl --verbose # buildkit",
    "+COPY examples examples # buildkit",
    "+RUN |3 CUDA_VERSION=12.8.1 PYTHON_VERSION=3.12 INSTALL_KV_CONNECTORS=false /bin/sh -c uv pip install --system accelerate hf_transfer 'modelscope!=1.15.0' 'bitsandbytes>=0.46.1' # buildkit",
    "ENV VLLM_USAGE_SOURCE=production-docker-image",
    "ENTRYPOINT [\"vllm\" \"serve\"]",
];

const SCIPY_NOTEBOOK: &[&str] = &[
    "+/bin/sh -c #(nop) ADD file:4f2a7b in / ",
    "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
    "LABEL maintainer=Jupyter Project <jupyter@googlegroups.com>",
    "USER root",
    "+RUN /bin/bash -o pipefail -c mamba install --yes 'jupyterhub-singleuser' 'jupyterlab' 'nbclassic' && mamba clean --all -f -y && fix-permissions \"${CONDA_DIR}\" # buildkit",
    "CMD [\"start-notebook.py\"]",
    "+COPY start-notebook.py start-notebook.sh /usr/local/bin/ # buildkit",
    "USER 1000",
    "+WORKDIR /home/jovyan",
    "LABEL maintainer=Jupyter Project <jupyter@googlegroups.com>",
    "USER root",
    "+RUN /bin/bash -o pipefail -c apt-get update --yes && apt-get install --yes --no-install-recommends build-essential cm-super dvipng ffmpeg && apt-get clean && rm -rf /var/lib/apt/lists/* # buildkit",
    "USER 1000",
    "+RUN /bin/bash -o pipefail -c mamba install --yes 'altair' 'beautifulsoup4' 'scikit-learn' && mamba clean --all -f -y && fix-permissions \"${CONDA_DIR}\" # buildkit",
    "+WORKDIR /tmp",
    "+RUN /bin/bash -o pipefail -c git clone https://github.com/PAIR-code/facets && rm -rf /tmp/facets # buildkit",
    "+RUN /bin/bash -o pipefail -c MPLBACKEND=Agg python -c \"import matplotlib.pyplot\" # buildkit",
    "USER 1000",
    "+WORKDIR /home/jovyan",
];

const NODE: &[&str] = &[
    "+# debian.sh --arch 'amd64' out/ 'bookworm' '@1744675200'",
    "+RUN /bin/sh -c set -eux; apt-get update; apt-get install -y --no-install-recommends git mercurial # buildkit",
    "+RUN /bin/sh -c groupadd --gid 1000 node   && useradd --uid 1000 --gid node --shell /bin/bash --create-home node # buildkit",
    "ENV NODE_VERSION=22.15.0",
    "+RUN /bin/sh -c ARCH= && curl -fsSLO --compressed \"https://nodejs.org/dist/v$NODE_VERSION/node.tar.xz\" && npm --version # buildkit",
    "+COPY docker-entrypoint.sh /usr/local/bin/ # buildkit",
    "ENTRYPOINT [\"docker-entrypoint.sh\"]",
    "CMD [\"node\"]",
];

const TENSORFLOW: &[&str] = &[
    "+/bin/sh -c #(nop) ADD file:4f2a7b in / ",
    "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
    "+COPY setup.sources.sh /setup.sources.sh # buildkit",
    "+COPY cpu.packages.txt /cpu.packages.txt # buildkit",
    "+RUN /bin/sh -c /setup.sources.sh && /setup.packages.sh /cpu.packages.txt # buildkit",
    "ARG TENSORFLOW_PACKAGE=tensorflow",
    "+COPY setup.python.sh /setup.python.sh # buildkit",
    "+RUN |1 TENSORFLOW_PACKAGE=tensorflow /bin/sh -c python3 -m pip install --no-cache-dir ${TENSORFLOW_PACKAGE} # buildkit",
    "+COPY bashrc /etc/bash.bashrc # buildkit",
    "+RUN |1 TENSORFLOW_PACKAGE=tensorflow /bin/sh -c chmod a+rwx /etc/bash.bashrc # buildkit",
];

pub(crate) const ALL: &[Known] = &[
    Known { name: "python:3.12-slim", steps: PYTHON_SLIM },
    Known { name: "ubuntu:22.04", steps: UBUNTU },
    Known { name: "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime", steps: PYTORCH_RUNTIME },
    Known { name: "nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", steps: CUDA_RUNTIME },
    Known { name: "nvcr.io/nvidia/pytorch:25.10-py3", steps: NGC_PYTORCH },
    Known { name: "vllm/vllm-openai", steps: VLLM },
    Known { name: "quay.io/jupyter/scipy-notebook", steps: SCIPY_NOTEBOOK },
    Known { name: "node:22", steps: NODE },
    Known { name: "tensorflow/tensorflow", steps: TENSORFLOW },
];
