# A throw-away environment of this execution alone, in both regions, from the very source of this run.
if [ "$ENVIRONMENT" != yes ]; then
  echo "deploy: this drill runs in the lab alone (ENVIRONMENT=$ENVIRONMENT)"
  exit 0
fi
suffix="dr${EXECUTION_ID:0:8}"
# Every stack says when `lifeline sweep` may end it: later than any stage of this run can still be going on.
ends=$(date -u -d '+16 hours' +%Y-%m-%dT%H:%M:%SZ)
settings="-c drillEndsAt=$ends $DRILL_SETTINGS"
kept=$(mktemp -d)
# Kept before the first resource exists: the sweep destroys with the source that deployed, whatever comes.
zip -qr "$kept/source.zip" . -x ".git/*" "build/*" ".venv*" "node_modules/*"
# It can be written once: nothing that runs below puts another source in its place.
aws s3api put-object --bucket "$ARTIFACTS_BUCKET" --key "deployed/$EXECUTION_ID.zip" \
  --body "$kept/source.zip" --if-none-match '*' > "$kept/answer.json"
make setup
node_bin="$PWD/$(.venv/bin/python scripts/npm_ci.py --node-bin)"
# The image's repository comes first: services cannot start without an image.
PATH="$node_bin:$PATH" node_modules/.bin/cdk deploy "Foundation-$HOME_CODE" "Foundation-$RECOVERY_CODE" \
  --require-approval never -c "environmentSuffix=$suffix" -c "profile=$DRILL_PROFILE" $settings
for place in "$HOME_REGION:$HOME_CODE" "$RECOVERY_REGION:$RECOVERY_CODE"; do
  for image in processor mirrormaker; do
    .venv/bin/python scripts/copy_image.py --region "${place%:*}" --tag "$IMAGE_TAG" \
      --source "$image-$OWN_SUFFIX" --target "$image-$suffix"
  done
done
# This role may not ask what preflight asks of an account; production's deployment asked it.
make deploy "SUFFIX=$suffix" "PROFILE=$DRILL_PROFILE" SKIP_PREFLIGHT=all \
  "ARGS=--require-approval never --concurrency 4 $settings"
.venv/bin/lifeline smoke-check --suffix "$suffix" "$HOME_REGION" "$RECOVERY_REGION"
