# Another machine than the one that drilled judges the evidence, and keeps it whatever it says.
make .venv/.done
found="$CODEBUILD_SRC_DIR_Evidence"
judge=(.venv/bin/python scripts/validate_evidence.py "$found/evidence.json"
  --scenario "$SCENARIO" --tier "$TIER")
if [ -f "$found/previous.json" ]; then
  judge+=(--previous "$found/previous.json")
fi
status=0
"${judge[@]}" || status=$?
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
  "${judge[@]}" --publish "$OWN_SUFFIX" --region "$HOME_REGION"
fi
exit "$status"
