# Destroys what runs left behind: started when one ends badly, and every day. Each left the source that it
# deployed; an environment whose run is still going on is let be.
keys=$(aws s3api list-objects-v2 --bucket "$ARTIFACTS_BUCKET" --prefix deployed/ \
  --query 'Contents[].Key' --output text)
failed=0
for key in $keys; do
  if [ "$key" = None ]; then
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
  if (cd "$folder" && python3 -m zipfile -e source.zip . && make setup && make destroy "SUFFIX=dr${execution:0:8}" \
    "PROFILE=$DRILL_PROFILE" "ARGS=--force $DRILL_SETTINGS"); then
    aws s3 rm --only-show-errors "s3://$ARTIFACTS_BUCKET/$key"
  else
    echo "sweep: the environment of $execution could not be destroyed; it keeps billing"
    failed=1
  fi
done
exit "$failed"
