#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh BUILD - the main job, once: import real models, plan, load, run over an episode,
# breakdown, verdict. With ../shared/data (or PLIMSOLL_DATA) it uses the models and the recorded
# episodes there and holds the outputs against golden.tsv; else the models out of the pinned
# wheels and an episode that it makes.
set -eu
build=$1
data=${PLIMSOLL_DATA:-../shared/data}
demo=build/demo
plimsoll=$build/plimsoll
export PLIMSOLL_ONNXRUNTIME="${PLIMSOLL_ONNXRUNTIME:-$(pwd)/build/wheels/libonnxruntime.so}"
export PLIMSOLL_VIDEO="${PLIMSOLL_VIDEO:-$(pwd)/$build/plimsoll-video.so}"

if [ ! -r "$PLIMSOLL_ONNXRUNTIME" ]; then
    echo "no ONNX Runtime at $PLIMSOLL_ONNXRUNTIME: run 'make models' with a network, or set" \
        "PLIMSOLL_ONNXRUNTIME to a libonnxruntime.so" >&2
    exit 1
fi

step() { printf '\n== %s\n' "$*"; }

mkdir -p "$demo/artifacts"
if [ -r "$data/models/golden.tsv" ]; then
    golden=$data/models/golden.tsv
    manifest=docs/examples/demo-data.yaml
    episodes=$data/episodes/groot-picknplace-v20
    models="ultraface_slim320_simplified ppocr_v4_det magika_v3_3 silero_vad_16k_op15"
    from=$data/models
else
    golden=docs/examples/golden.tsv
    manifest=docs/examples/demo.yaml
    episodes=$demo/episode
    models="ppocr_v4_rec ppocr_v4_det silero_vad_16k_op15"
    from=build/wheels
    [ -r "$episodes/meta/info.json" ] || "$build/make_episode" "$episodes"
fi

step "import: optimised graph + aligned weights + identity card ($from)"
for model in $models; do
    case $model in
    ppocr_v4_det) shape="--shape x:1x3x320x320" ;;
    ppocr_v4_rec) shape="--shape x:1x3x48x320" ;;
    silero_vad_16k_op15) shape="--shape input:1x576 --shape state:2x1x128" ;;
    magika_v3_3) shape="--shape bytes:1x2048" ;;
    *) shape= ;;
    esac
    artifact=$demo/artifacts/${model}__smany_jpany_trtnone_fp32.engine
    if [ ! "$artifact" -nt "$from/$model.onnx" ]; then
        # shellcheck disable=SC2086
        "$plimsoll" import "$from/$model.onnx" --name "$model" $shape -o "$demo/artifacts"
    fi
    "$plimsoll" verify "$artifact"
done

step "outputs against $golden, within 1e-4"
for model in $models; do
    grep -q "^$model.onnx" "$golden" || continue
    "$plimsoll" check "$demo/artifacts/${model}__smany_jpany_trtnone_fp32.engine" --golden "$golden"
done

step "plan: nothing is read yet"
"$plimsoll" plan "$manifest" --episode "$episodes"

step "run: $episodes"
"$plimsoll" run "$manifest" --episode "$episodes" --report "$demo/report.json"

echo
echo "the same from its file: $build/memreport show $demo/report.json"
