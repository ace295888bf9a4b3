# Destroys what runs left behind: started when one ends badly, and every day. Each left the source that it
# deployed; an environment whose run is still going on is let be.
# The build that deploys may outlive its run (stopped and abandoned) and deploy after it was swept. It ends
# 240 minutes after it wrote its record at the latest: only an older record is forgotten, a younger one is
# swept again the next time. Destroying what is gone does nothing.
alive_after=$(($(date +%s) - 18000))
listed=$(aws s3api list-objects-v2 --bucket "$ARTIFACTS_BUCKET" --prefix deployed/ \
  --query 'Contents[].[Key,LastModified]' --output text)
failed=0
# By another descriptor than standard input, which the commands of the loop would read empty.
while read -r key written <&3; do
  if [ -z "$key" ] || [ "$key" = None ]; then
    continue
  fi
  execution=$(basename "$key" .zip)
  state=$(aws codepipeline get-pipeline-execution --pipeline-name "$PIPELINE" \
    --pipeline-execution-id "$execution" --query pipelineExecution.status --output text)
  if [ "$state" = InProgress ] || [ "$state" = Stopping ]; then
    echo "sweep: $execution is still going on"
    continue
  fi
  echo "sweep: $execution ended as $state and left its environment"
  folder=$(mktemp -d)
  aws s3 cp --only-show-errors "s3://$ARTIFACTS_BUCKET/$key" "$folder/source.zip"
  if ! (cd "$folder" && python3 -m zipfile -e source.zip . && make setup && make destroy "SUFFIX=dr${execution:0:8}" \
    "PROFILE=$DRILL_PROFILE" "ARGS=--force --switch-back $DRILL_SETTINGS"); then
    echo "sweep: the environment of $execution could not be destroyed; it keeps billing"
    failed=1
  elif [ "$(date -d "$written" +%s)" -lt "$alive_after" ]; then
    aws s3 rm --only-show-errors "s3://$ARTIFACTS_BUCKET/$key"
  else
    echo "sweep: the build that deployed $execution may still be alive; it is swept again"
  fi
done 3<<<"$listed"
exit "$failed"
