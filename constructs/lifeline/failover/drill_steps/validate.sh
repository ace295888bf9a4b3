# Another machine than the one that drilled judges the evidence, and keeps it whatever it says.
make .venv/.done
found="$CODEBUILD_SRC_DIR_Evidence"
# The pipeline's stages take less than 12 hours; older evidence is another run's.
judge=("$found" --scenario "$SCENARIO" --tier "$TIER" --max-age-hours 12)
if [ -f "$found/previous.json" ]; then
  judge+=(--previous "$found/previous.json")
else
  judge+=(--first)
fi
status=0
.venv/bin/lifeline evidence check "${judge[@]}" || status=$?
if [ "$status" -gt 1 ]; then
  echo "validate: this is no evidence; nothing was kept"
  exit 1
fi
# Only what passed counts as a drill: the alarm on overdue drills looks at drills/ alone.
folder=drills
if [ "$status" = 1 ]; then
  folder=drills-failed
fi
name=$(.venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))["id"])' \
  "$found/evidence.json")
for file in evidence.json report.html; do
  aws s3 cp --only-show-errors "$found/$file" "s3://$EVIDENCE_BUCKET/$folder/$name/$file"
done
aws s3 cp --only-show-errors "$found/evidence.json" "s3://$EVIDENCE_BUCKET/chain/latest.json"
if [ "$status" = 0 ]; then
  .venv/bin/lifeline evidence publish "${judge[@]}" --suffix "$OWN_SUFFIX" --region "$HOME_REGION"
fi
exit "$status"
