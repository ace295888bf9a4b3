# The last stage of a run that passed. One that did not is left to the sweep.
if [ "$ENVIRONMENT" != yes ]; then
  echo "destroy: nothing was deployed (ENVIRONMENT=$ENVIRONMENT)"
  exit 0
fi
make setup
make destroy "SUFFIX=dr${EXECUTION_ID:0:8}" "PROFILE=$DRILL_PROFILE" "ARGS=--force $DRILL_SETTINGS"
aws s3 rm --only-show-errors "s3://$ARTIFACTS_BUCKET/deployed/$EXECUTION_ID.zip"
