# Another machine than those that drilled judges the evidence, and keeps it whatever it says.
make .venv/.done
worst=0
# The lab's evidence, and that of AWS where an environment was drilled: each of its own chain.
kinds=(lab)
if [ "$ENVIRONMENT" = yes ]; then
  kinds+=(aws)
fi
for kind in "${kinds[@]}"; do
  found="$CODEBUILD_SRC_DIR_Evidence"
  chain="chain/latest.json"
  if [ "$kind" = aws ]; then
    found="$CODEBUILD_SRC_DIR_AwsDrill"
    chain="chain/aws/latest.json"
  fi
  # The pipeline's stages take less than 12 hours; older evidence is another run's.
  judge=("$found" --scenario "$SCENARIO" --target "$kind" --tier "$TIER" --max-age-hours 12)
  if [ -f "$found/previous.json" ]; then
    judge+=(--previous "$found/previous.json")
  else
    judge+=(--first)
  fi
  status=0
  .venv/bin/lifeline evidence check "${judge[@]}" || status=$?
  if [ "$status" -gt 1 ]; then
    echo "validate: this is no evidence ($kind); nothing of it was kept"
    worst=1
    continue
  fi
  # Only what passed counts as a drill: the alarm on overdue drills looks at drills/ alone.
  folder=drills
  if [ "$status" = 1 ]; then
    folder=drills-failed
    worst=1
  fi
  # The lab's are many: those of AWS are not to be looked for among them.
  if [ "$kind" = aws ]; then
    folder="$folder/aws"
  fi
  name=$(.venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))["id"])' \
    "$found/evidence.json")
  for file in evidence.json report.html; do
    aws s3 cp --only-show-errors "$found/$file" "s3://$EVIDENCE_BUCKET/$folder/$name/$file"
  done
  aws s3 cp --only-show-errors "$found/evidence.json" "s3://$EVIDENCE_BUCKET/$chain"
  if [ "$status" = 0 ]; then
    .venv/bin/lifeline evidence publish "${judge[@]}" --suffix "$OWN_SUFFIX" --region "$HOME_REGION"
  fi
done
exit "$worst"
